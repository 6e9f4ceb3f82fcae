"""Between an ager's weights and those of its two generators alone."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product
from typing import Any

import torch
from agekit_ager import DIRECTIONS, Direction, build_ager
from torch import Tensor, nn

from agekit.errors import AgekitError, ModelError
from agekit.plugin import GENERATORS, PartConfig

__all__ = ["match_generator", "one_direction"]

Weights = Mapping[str, Tensor]
MOST = 64
"""How many ways of calling one generator are tried."""


def one_direction(weights: Weights, to: Direction) -> dict[str, Tensor]:
    """The weights of one generator, by its own names; empty where it has none.

    Args:
        weights: by an ager's names.
        to: which generator.
    """
    prefix = f"{to}."
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def match_generator(weights: Weights) -> PartConfig:
    """Finds the installed generator that weights belong to.

    Each is tried as it is by default and then with other arguments: yes-no ones turned, whole
    numbers set to the number of outputs of the first layer, where networks have their width.

    Args:
        weights: of both generators, by an ager's names.

    Raises:
        ModelError: they fit none.
    """
    shapes = {name: value.shape for name, value in weights.items()}
    width = next((shape[0] for shape in shapes.values() if shape), 0)
    tried: dict[str, str] = {}
    for entry in GENERATORS.entries():
        name = entry.name
        try:
            name = GENERATORS.pinned(f"{entry.distribution}:{name}")
            factory: Callable[..., nn.Module] = GENERATORS.get(name)
        except AgekitError as error:
            tried[name] = error.message
            continue
        for arguments in islice(_ways(factory, width), MOST):
            part = PartConfig(type=name, **arguments)
            theirs = _shapes(part)
            if theirs == shapes:
                return part
            tried.setdefault(name, _difference(shapes, theirs))
    if not tried:
        raise ModelError("no generator is installed", "pip install agekit-cyclegan")
    raise ModelError(
        "the weights fit no installed generator:\n"
        + "\n".join(f"  - {name}: {reason}" for name, reason in tried.items()),
        "install the plugin of the generator they were trained with; see `agekit list generators`",
    )


def _ways(factory: Callable[..., Any], width: int) -> Iterator[dict[str, Any]]:
    """Arguments to try, the default ones first."""
    choices: dict[str, list[Any]] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        if isinstance(parameter.default, bool):
            choices[name] = [parameter.default, not parameter.default]
        elif isinstance(parameter.default, int) and width not in (0, parameter.default):
            choices[name] = [parameter.default, width]
    for values in product(*choices.values()):
        given = zip(choices.items(), values, strict=True)
        yield {name: value for (name, (default, *_)), value in given if value != default}


def _shapes(part: PartConfig) -> dict[str, torch.Size]:
    """Of an ager's weights; empty if there is none of this kind."""
    try:
        with torch.device("meta"):
            return {name: value.shape for name, value in build_ager(part).state_dict().items()}
    except AgekitError:
        return {}


def _difference(ours: Mapping[str, torch.Size], theirs: Mapping[str, torch.Size]) -> str:
    """The first thing that does not fit, in words."""
    side = f"{DIRECTIONS[0]}."
    for name in theirs:
        if name not in ours:
            return f"has {name.removeprefix(side)!r}, they have not"
    for name, shape in ours.items():
        if name not in theirs:
            return f"lacks their {name.removeprefix(side)!r}"
        if shape != theirs[name]:
            found, wanted = (" x ".join(map(str, s)) for s in (shape, theirs[name]))
            return f"{name.removeprefix(side)!r} is {wanted}, theirs {found}"
    return "differs in the order of its weights"
