"""Checks of what a part gives in a trial: a tensor, its shape, its values, its gradient."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from types import EllipsisType

import numpy as np
import torch
from torch import Tensor, nn

from agekit.culprit import Culprit

__all__ = ["check", "check_gradients", "flows", "kind_of", "own_random", "untouched"]

_SEED = 1


def check(
    culprit: Culprit, what: str, value: object, shape: tuple[int | EllipsisType | None, ...]
) -> None:
    """A finite tensor of floating point and of a shape; None is any size, ... any rest."""
    if not isinstance(value, Tensor):
        raise culprit.error(f"gives {kind_of(value)} as its {what}, not a tensor")
    found = tuple(value.shape)
    fits = len(found) == len(shape) and all(
        size in (None, is_) for size, is_ in zip(shape, found, strict=True)
    )
    if ... in shape:
        fits = found[:1] == shape[:1]
    if not fits:
        asked = ", ".join("*" if s is None else "..." if s is ... else str(s) for s in shape)
        raise culprit.error(f"gives {what} of shape {found}, not ({asked})")
    if not value.is_floating_point():
        raise culprit.error(f"gives {what} of type {value.dtype}, not of floating point")
    if not bool(value.isfinite().all()):
        raise culprit.error(f"gives {what} that are not finite")


def flows(culprit: Culprit, what: str, value: Tensor, trained: nn.Module) -> None:
    """A gradient comes back from the tensor, where there is something to train."""
    if not value.requires_grad and any(p.requires_grad for p in trained.parameters()):
        raise culprit.error(
            f"gives {what} without a gradient: nothing before them can learn",
            "compute them without .detach(), .data or torch.no_grad()",
        )


def check_gradients(culprit: Culprit, network: nn.Module, *, reached: bool = True) -> None:
    """Some weight has a gradient, if `reached`, and none is not finite."""
    if reached and untouched(network):
        raise culprit.error("lets no gradient reach its weights")
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
            raise culprit.error(f"has a gradient that is not finite, of {name}")


def untouched(network: nn.Module) -> bool:
    """True if there are weights to train and none has a gradient."""
    trained = [p for p in network.parameters() if p.requires_grad]
    return bool(trained) and all(p.grad is None for p in trained)


def kind_of(value: object) -> str:
    """The kind of what was given, in words."""
    return "nothing" if value is None else f"a {type(value).__name__}"


@contextmanager
def own_random(device: torch.device) -> Iterator[None]:
    """Random numbers of a seed of its own; everybody's go on afterwards where they were."""
    others, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(_SEED)
            yield
    finally:
        random.setstate(others)
        np.random.set_state(numpys)
