"""Scoring an ager on the two domains of a dataset."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from rich.console import Console

from agekit.data.pool import FacePool
from agekit.data.readers.columns import Columns
from agekit.data.split import Faces, load_faces
from agekit.errors import ConfigError, DataError, ModelError
from agekit.progress import ProgressBar, decoding
from agekit.tasks.ager.build import load_ager
from agekit.tasks.ager.config import AgerConfig
from agekit.tasks.ager.domains import DOMAINS, domain_codes
from agekit.tasks.ager.judges.base import Judge
from agekit.tasks.ager.judges.identity import DlibIdentity
from agekit.tasks.ager.judges.load import load_judges
from agekit.tasks.ager.kid import FEWEST
from agekit.tasks.ager.model import DIRECTIONS
from agekit.tasks.ager.recipe import AgerDataConfig
from agekit.tasks.ager.results import Pass, run_pass
from agekit.tasks.ager.sample import sampled
from agekit.tasks.ager.scores import accuracy, scores
from agekit.training.display import Display
from agekit.training.framing import find_framing
from agekit.zoo.folder import within_model

__all__ = ["evaluate_ager"]

Domains = tuple[tuple[float, float], tuple[float, float]]


def evaluate_ager(
    folder: Path,
    dataset: str,
    *,
    model: str = "the ager",
    root: Path | None = None,
    columns: Columns | None = None,
    protocol: str | None = None,
    split: str = "test",
    judges: Sequence[str] = (),
    domains: Domains | None = None,
    where: Mapping[str, str] | None = None,
    as_chips: bool = False,
    device: torch.device,
    seed: int = 0,
    console: Console | None = None,
) -> dict[str, Any]:
    """Ages the young and the old faces of a split, and scores what comes out.

    Args:
        folder: the ager's model folder.
        dataset: a dataset's name.
        model: what to call the ager.
        root: where it lies; else ``$AGEKIT_DATA/<dataset>``.
        columns: field → column of a table of the user's own.
        protocol: how it is split; else its default.
        split: ``train``, ``val``, ``test`` or ``all``.
        judges: who says how old faces look; see `load_judges`.
        domains: the ages of the young and of the old; None takes the groups ``A`` and ``B``.
        where: keeps the faces of one ``gender`` or ``group``.
        as_chips: takes the images of a dataset of whole photos as face chips all the same.
        device: where the generators and the estimators run.
        seed: of the bootstrap and of the subsets.
        console: where to show progress; None shows none.

    Returns:
        ``{"dataset", "protocol", "split_hash", "split", "domains", "where", "seed", "n", "skipped",
        "judges", "metrics", "remarks"}``: ``judges`` has each judge's error on the faces as they
        are, by domain; ``metrics`` what `scores` gives, by direction, ``old`` and ``young``;
        ``remarks`` what was left out, and why.

    Raises:
        ConfigError, DataError, ModelError: what was asked for is not there or cannot be read.
    """
    panel = load_judges(judges, device)
    ager, config = load_ager(folder, device)
    faces = _as_drawn(load_faces(dataset, root, protocol, columns=columns), config)
    rows = _domain_rows(faces, split, domains, where or {})
    remarks: list[str] = []
    if faces.drawn:
        remarks.append(f"the split is that of the ager's training: {faces.drawn}")
    display = Display(console, None)
    with within_model(config):
        framing = find_framing(
            faces, device, wanted=config.face, model=model, root=root, as_chips=as_chips
        )
    faces = framing.show(faces, display)
    remarks += filter(None, (judge.expect(framing.shown, "the ager's faces") for judge in panel))
    images, slots, bad = _pixels(faces, rows, config.image.size, display)
    rows = [mine[places >= 0] for mine, places in zip(rows, slots, strict=True)]
    _require(rows, faces, split)
    passes: list[Pass] = []
    identity = _identity(remarks)
    with ProgressBar(display.console, "faces aged", sum(map(len, rows))) as progress:
        for to, places in zip(DIRECTIONS, slots, strict=True):
            good = places[places >= 0]
            passes.append(run_pass(ager, to, images, good, panel, identity, progress.step))
    ages = [
        _true_ages(faces, mine, domain, domains, remarks)
        for mine, domain in zip(rows, DOMAINS, strict=True)
    ]
    metrics: dict[str, Any] = {
        done.to: scores(done, passes[1 - k], ages[k], panel, seed) for k, done in enumerate(passes)
    }
    remarks += _left_out(metrics)
    return {
        "dataset": faces.dataset,
        "protocol": faces.protocol,
        "split_hash": faces.split_hash,
        "split": split,
        "domains": domains,
        "where": dict(where or {}),
        "seed": seed,
        "n": sum(map(len, rows)),
        "skipped": bad,
        "alignment": framing.to_json(),
        "judges": _errors(panel, passes, ages),
        "metrics": metrics,
        "remarks": remarks,
    }


def _as_drawn(faces: Faces, config: AgerConfig) -> Faces:
    """Split as for the ager's training, where faces of this protocol were drawn for that."""
    drawn = config.trained.get("sample")
    if drawn is None or config.trained.get("protocol") != faces.protocol:
        return faces
    try:
        data = AgerDataConfig.model_validate_json(json.dumps(drawn))
    except ValidationError as error:
        raise ModelError(
            f"{config.name}: its trained.sample cannot be read", "get it anew"
        ) from error
    return sampled(faces, data)


def _domain_rows(
    faces: Faces, split: str, domains: Domains | None, where: Mapping[str, str]
) -> list[NDArray[np.int64]]:
    """The rows of the young and of the old in a split."""
    codes = domain_codes(faces.table, domains, where)
    chosen = faces.rows(split)  # type: ignore[arg-type]
    rows = [chosen[codes[chosen] == code] for code in range(len(DOMAINS))]
    _require(rows, faces, split)
    return rows


def _require(rows: Sequence[NDArray[np.int64]], faces: Faces, split: str) -> None:
    for mine, domain in zip(rows, DOMAINS, strict=True):
        if not len(mine):
            raise DataError(
                f"{faces.protocol}: no {domain} face of the split {split} can be used",
                "choose other domains, or another split with --split",
            )


def _pixels(
    faces: Faces, rows: Sequence[NDArray[np.int64]], size: int, display: Display
) -> tuple[NDArray[np.uint8], list[NDArray[np.int64]], int]:
    """The pool's images, each domain's slots in it, and how many images are unusable."""
    pool = FacePool.open(size)
    with decoding(display.console, size) as progress:
        both = np.concatenate(rows)
        slots = pool.slots(faces.table.images.take(both), progress)
    parts = np.split(slots, [len(rows[0])])
    return pool.images, parts, int((slots < 0).sum())


def _identity(remarks: list[str]) -> DlibIdentity | None:
    try:
        return DlibIdentity()
    except ConfigError as error:
        remarks.append(f"identity left out: {error.message}; {error.hint}")
        return None


def _true_ages(
    faces: Faces,
    rows: NDArray[np.int64],
    domain: str,
    domains: Domains | None,
    remarks: list[str],
) -> NDArray[np.float32] | None:
    """The ages of a domain's faces; None where the dataset gives one age for all of a group."""
    ages = faces.table.age[rows]
    if domains is None and len(ages) > 1 and (ages == ages[0]).all():
        remarks.append(
            f"the judges' error on the {domain} faces left out: "
            f"{faces.dataset} gives all of them the age {ages[0]:g}"
        )
        return None
    return ages


def _errors(
    judges: Sequence[Judge], passes: Sequence[Pass], ages: Sequence[NDArray[np.float32] | None]
) -> dict[str, Any]:
    """Each judge's error on the faces as they are, by domain."""
    return {
        judge.name: {
            domain: accuracy(done.before.verdicts[k], age)
            for domain, done, age in zip(DOMAINS, passes, ages, strict=True)
            if age is not None
        }
        for k, judge in enumerate(judges)
    }


def _left_out(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What could not be counted for want of faces."""
    out = []
    for to, part in metrics.items():
        out += [
            f"{name} found no face both as it was and made {to}"
            for name, row in part["judges"].items()
            if not row["n"]
        ]
        out += [
            f"{key} of the faces made {to} left out: it needs {FEWEST} of them and of real ones"
            for key, value in part.items()
            if value is None
        ]
    return out
