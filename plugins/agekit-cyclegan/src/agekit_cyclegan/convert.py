"""Agers from and to checkpoints of the reference implementation of CycleGAN."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from agekit_ager import DIRECTIONS, AgerConfig, FaceAger, ager_card, build_ager, load_ager
from torch import Tensor

from agekit.errors import AgekitError, ConfigError, ModelError
from agekit.plugin import (
    EVOLVERS,
    GENERATORS,
    Alignment,
    Evolver,
    ImageConfig,
    PartConfig,
    build_evolver,
    core_version,
    is_model,
    locate,
    save_model,
    written,
)
from agekit_cyclegan.matching import match_generator, one_direction

__all__ = ["FILES", "export_ager", "import_ager", "only_reader"]

FILES = {"old": "latest_net_G_A.pth", "young": "latest_net_G_B.pth"}
"""What the reference calls the generator to each age: its A is young, its B is old."""
UNKNOWN = "not said by the checkpoint"


def import_ager(
    sources: Sequence[Path],
    out: Path,
    *,
    name: str | None = None,
    size: int = 256,
    margin: float | None = None,
    evolver: str | None = None,
    both_from_one: bool = False,
) -> AgerConfig:
    """Makes a model folder of the generators in foreign checkpoints.

    Args:
        sources: a folder or file with both generators, or two files: the one that makes faces old
            and the one that makes them young.
        out: the folder to make.
        name: of the model; else that of the first source, or of the folder it is in.
        size: side of the chips it takes, pixels; checkpoints do not say.
        margin: around the standard frame of the faces it was trained on; None if they were not
            cut in a standard way.
        evolver: which plugin reads the checkpoints; else the only one that does.
        both_from_one: use the only generator there is for both directions.

    Returns:
        What the folder's ``config.json`` holds.

    Raises:
        ModelError: a checkpoint cannot be read, has one generator only, fits no generator, or gives
            no pictures.
        AgekitError: the generator does not take chips of this size.
        ConfigError: the folder is there already, `evolver` is none that makes agers, or is not
            named where several are installed.
    """
    _must_be_free(out)
    weights = _read(sources, evolver or only_reader(), both_from_one)
    part = match_generator(weights)
    ager = build_ager(part, 0)
    ager.load_state_dict(weights)
    _try_out(ager.eval(), size)
    entry = GENERATORS.find(part.type)
    face = Alignment() if margin is None else Alignment(align="five-points", margin=margin)
    config = AgerConfig(
        name=name or _name(sources[0].resolve()),
        generator=part,
        image=ImageConfig(size=size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        face=face,
        domains={"young": UNKNOWN, "old": UNKNOWN},
        parameters=sum(p.numel() for p in ager.parameters()),
        requires={entry.distribution: entry.version},
        trained={
            "imported": [source.name for source in sources],
            "agekit": core_version(),
        },
    )
    save_model(out, ager, config, {}, ager_card(config, {}))
    return config


def export_ager(model: str | Path, out: Path) -> list[Path]:
    """Writes the generators of an ager as the reference keeps them: plain tensors by name.

    Args:
        model: a model folder, a run folder or a name of the zoo.
        out: the folder for the two files.

    Returns:
        The files: young to old, old to young.

    Raises:
        ModelError: there is no such ager, or it is damaged.
        ConfigError: one of the files is there already.
    """
    ager, _ = load_ager(locate(model))
    generators = {"old": ager.old, "young": ager.young}
    paths = [out / FILES[to] for to in DIRECTIONS]
    for path in paths:
        if path.exists():
            raise ConfigError(f"{path} is there already", "name another --out, or remove it")
    with ExitStack() as stack:
        asides = [stack.enter_context(written(path)) for path in paths]
        for aside, to in zip(asides, DIRECTIONS, strict=True):
            torch.save(OrderedDict(generators[to].state_dict().items()), aside)
    return paths


def only_reader() -> str:
    """The one installed evolver that reads the checkpoints of agers."""
    readers: list[str] = []
    unusable: dict[str, AgekitError] = {}
    for entry in EVOLVERS.entries():
        try:
            name = EVOLVERS.pinned(f"{entry.distribution}:{entry.name}")
            found: type[Evolver[Any]] = EVOLVERS.get(name)
            reads = hasattr(found, "weights") or found.initial is not Evolver.initial
            if found.kind == "ager" and reads:
                readers.append(name)
        except AgekitError as error:
            unusable.setdefault(entry.distribution, error)
    if unusable and not readers:
        raise unusable.get("agekit-cyclegan") or next(iter(unusable.values()))
    if len(readers) != 1:
        raise ConfigError(
            f"{len(readers) or 'no'} installed plugins read the checkpoints of agers"
            + (f": {', '.join(readers)}" if readers else ""),
            "name one with --evolver" if readers else "pip install agekit-cyclegan",
        )
    return readers[0]


def _read(sources: Sequence[Path], evolver: str, both_from_one: bool) -> dict[str, Tensor]:
    """The weights of both generators by an ager's names."""
    if EVOLVERS.get(evolver).kind != "ager":
        raise ConfigError(
            f"the evolver {evolver!r} makes no agers", "name the one the checkpoints are of"
        )
    for source in sources:
        if is_model(source):
            raise ModelError(f"{source} is a model folder already", "name its checkpoints")
    reader = build_evolver(PartConfig(type=evolver), "ager")
    read = getattr(reader, "weights", reader.initial)
    found: list[dict[str, Tensor]] = [read(source) for source in sources]
    sides = [{to: one_direction(weights, to) for to in DIRECTIONS} for weights in found]
    if len(sides) == 1:
        old, young = sides[0]["old"], sides[0]["young"]
        if not both_from_one and (not old or not young or _same(old, young)):
            raise ModelError(
                f"{sources[0]} holds one generator; an ager needs two, one to old, one to young",
                "name the file of the other direction after it, or use this one for both with "
                "--both-from-one",
            )
    else:
        for source, side in zip(sources, sides, strict=True):
            if side["old"] and side["young"] and not _same(side["old"], side["young"]):
                raise ModelError(f"{source} holds both generators", "name it alone")
        old, young = (side["old"] or side["young"] for side in sides)
    both = {"old": old or young, "young": young or old}
    return {f"{to}.{key}": value for to in DIRECTIONS for key, value in both[to].items()}


def _same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@torch.no_grad()
def _try_out(ager: FaceAger, size: int) -> None:
    for to in DIRECTIONS:
        picture = ager(torch.zeros(1, 3, size, size), to)
        if not torch.isfinite(picture).all():
            raise ModelError(
                f"the generator to {to} gives no picture: its weights are damaged",
                "convert another checkpoint",
            )


def _name(source: Path) -> str:
    """Of the folder, where the file has the name that all have."""
    return source.parent.name if "_net_G" in source.stem else source.stem


def _must_be_free(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already", "name a folder that is not there yet")
