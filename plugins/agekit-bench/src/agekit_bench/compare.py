"""Models on the same faces: how their errors differ, over all and on each part of the faces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from agekit.data.columns import Columns
from agekit.data.several import converted
from agekit.data.sheet import csv_cell
from agekit.data.split import Faces, Root, load_faces
from agekit.device import pick_device
from agekit.errors import AgekitError, ConfigError, DataError, counted
from agekit.registry import TASKS
from agekit.task import Task
from agekit.tasks.evaluate import AgeEvaluation
from agekit.training.display import Display
from agekit.training.faces import evaluation_faces
from agekit.training.framing import find_framing
from agekit.zoo.config import ModelConfig
from agekit.zoo.folder import read_config, within_model
from agekit.zoo.locate import locate
from agekit_bench.predictions import GENDERS, Estimates, Scored, named, read_scored
from agekit_bench.stats.comparison import Comparison, common_faces, compare
from agekit_bench.stats.subgroups import Part, parts_of

__all__ = ["FEW", "ComparedModel", "ModelComparison", "compare_models", "exposure"]

FEW = 10
"""People, or pictures of nobody known: of fewer the bootstrap's intervals are too narrow."""


@dataclass(frozen=True)
class ComparedModel:
    """One of the models that are compared.

    Attributes:
        name: as it was named.
        estimates: of each face of the split that it could be shown.
        exposure: how the faces were part of its training; "" where they were not.
    """

    name: str
    estimates: Estimates
    exposure: str

    @property
    def scored(self) -> Scored:
        """Its estimates in the order of the faces' contents."""
        found = read_scored(self.estimates.to_arrow(), self.estimates.protocol, 1)
        assert found is not None
        return found


@dataclass(frozen=True)
class ModelComparison:
    """Two models or more on the faces that all of them scored.

    Attributes:
        faces: the dataset, read and split once for all models.
        split: which part of it.
        models: the first is the one that the others are compared with.
        comparison: of them, face by face.
        parts: all faces, and those by age, gender and group, each with its own comparison.
    """

    faces: Faces
    split: str
    models: list[ComparedModel]
    comparison: Comparison
    parts: list[tuple[Part, Comparison]]

    @property
    def remarks(self) -> list[str]:
        """Notes that have to be known of the figures."""
        exposed = [f"{one.name} {one.exposure}" for one in self.models if one.exposure]
        left = self.comparison.left_out
        if left:
            exposed.append(f"{counted(left, 'face')} that not every model could score: left out")
        return exposed

    def to_json(self) -> dict[str, Any]:
        """As the command answers it."""
        first, *others = [one.name for one in self.models]
        return {
            "dataset": self.faces.dataset,
            "protocol": self.faces.protocol,
            "split_hash": self.faces.split_hash,
            "split": self.split,
            "n": len(self.comparison.faces),
            "left_out": self.comparison.left_out,
            "baseline": first,
            "models": [
                {"model": one.name, **_figures(self.comparison, k), "trained_on": one.exposure}
                for k, one in enumerate(self.models)
            ],
            "differences": _differences(self.comparison, others),
            "parts": [
                {
                    "kind": part.kind,
                    "name": part.name,
                    "n": len(mine.faces),
                    "models": [
                        {"model": one.name, **_figures(mine, k)}
                        for k, one in enumerate(self.models)
                    ],
                    "differences": _differences(mine, others),
                }
                for part, mine in self.parts
                if part.kind != "all"
            ],
            "remarks": self.remarks,
        }

    @property
    def columns(self) -> list[str]:
        """The heads of `rows`."""
        of = ("estimate", "low", "high", "error")
        own = [f"{name}: {one.name}" for one in self.models for name in of]
        return ["path", "age", "gender", "group", *own]

    def rows(self) -> Iterator[list[str]]:
        """A row for each face that all models scored, in the order of the data."""
        table = self.faces.table
        common = sorted(set.intersection(*(set(m.estimates.rows.tolist()) for m in self.models)))
        gender = named(table.gender[common], GENDERS)
        group = named(table.group[common], table.group_names)
        columns = [_years(one.estimates, common) for one in self.models]
        for i, row in enumerate(common):
            years = [f"{value:.2f}" for column in columns for value in column[i].tolist()]
            age = f"{table.age[row]:.2f}"
            words = [csv_cell(text or "") for text in (gender[i], group[i])]
            yield [csv_cell(table.images.name(row)), age, *words, *years]


def compare_models(
    models: Sequence[str],
    dataset: str,
    *,
    root: Root | Mapping[str, Root] | None = None,
    columns: Columns | None = None,
    protocol: str | Mapping[str, str] | None = None,
    split: str = "test",
    as_chips: bool = False,
    device: str = "auto",
    console: Console | None = None,
) -> ModelComparison:
    """Scores models on the same faces of one split, and pairs them face by face.

    Args:
        models: two or more: names of the zoo, model folders or run folders.
        dataset: its name, or several with a plus between.
        root: where it lies, or dataset → where.
        columns: field → column of a table of the user's own.
        protocol: how it is split, or dataset → how; else its default.
        split: ``train``, ``val``, ``test`` or ``all``.
        as_chips: takes whole photos as face chips all the same.
        device: where the networks run.
        console: for progress; None shows none.

    Raises:
        ConfigError: a model estimates no ages, or there are fewer than two.
        DataError: no face was scored by all of them.
    """
    if len(models) < 2 or len(set(models)) < len(models):
        raise ConfigError("two models or more are compared, each named once")
    place, folders = pick_device(device), {name: locate(name) for name in models}
    tasks: dict[str, Task] = {n: TASKS.get(read_config(f).task) for n, f in folders.items()}
    for name, task in tasks.items():
        if not issubclass(task.evaluation, AgeEvaluation):
            raise ConfigError(
                f"{name} is {task.title}: models that estimate ages are compared face by face",
                "compare its kind by `agekit evaluate` or `agekit bench`",
            )
    faces = load_faces(dataset, root, protocol, columns=columns)
    faces.rows(split)  # type: ignore[arg-type]
    display, found = Display(console, None), []
    roots = converted(faces.dataset, root, "--root", str)
    for name, folder in folders.items():
        scorer: AgeEvaluation = tasks[name].evaluation(folder, place, split, 0)
        config = scorer.config
        with within_model(config):
            framing = find_framing(
                faces, place, wanted=config.face, model=name, root=roots, as_chips=as_chips
            )
        shown = framing.show(scorer.select(faces), display)
        data = evaluation_faces(shown, config.image, split, place, display)
        made = scorer.estimates(data)
        years = [np.asarray(made[key], np.float32) for key in ("age", "low", "high")]
        estimates = Estimates(faces.protocol, 1, faces.table, data.rows(split), *years)
        found.append(ComparedModel(name, estimates, exposure(config, faces, split, root, columns)))
    scored = [one.scored for one in found]
    whole = compare([[one] for one in scored])
    if whole is None:
        raise DataError("no face could be scored by all of the models")
    parts, common = [], common_faces(scored)
    for part in parts_of(whole.faces):
        mine = compare([[one.take(np.flatnonzero(part.mask))] for one in common])
        assert mine is not None
        parts.append((part, mine))
    return ModelComparison(faces, split, found, whole, parts)


def exposure(
    config: ModelConfig,
    faces: Faces,
    split: str,
    root: Root | Mapping[str, Root] | None = None,
    columns: Columns | None = None,
) -> str:
    """The part that a split's faces had in a model's training; "" where they had none.

    Where the model was trained by another split of the data, that is made again, and pictures are
    compared by their contents.

    Args:
        config: of the model, which says what it was trained on.
        faces: the dataset.
        split: which part of it.
        root: where the dataset lies, or dataset → where.
        columns: field → column of a table of the user's own.
    """
    trained = config.trained
    if "dataset" not in trained or "split_hash" not in trained:
        return "does not say what it was trained on: these faces may be among it"
    told = []
    for one in trained.get("parts") or [trained]:
        name = str(one["dataset"])
        if _bare(name) in {_bare(part.dataset) for part in faces.parts or (faces,)}:
            told.append(_exposed(one, faces, split, root, columns))
    return "; ".join(dict.fromkeys(filter(None, told)))


def _exposed(
    trained: Mapping[str, Any],
    faces: Faces,
    split: str,
    root: Root | Mapping[str, Root] | None,
    columns: Columns | None,
) -> str:
    name = str(trained["dataset"])
    mine = next(p for p in faces.parts or (faces,) if _bare(p.dataset) == _bare(name))
    try:
        theirs = mine
        if trained["split_hash"] != mine.split_hash:
            roots = converted(faces.dataset, root, "--root", str)
            place = roots.get(mine.dataset) if isinstance(roots, Mapping) else roots
            theirs = load_faces(name, place, str(trained["protocol"]), columns=columns)
    except AgekitError:
        theirs = mine
    if theirs.split_hash != trained["split_hash"]:
        return f"was trained on another split of {name}: these faces may be among it"
    keys = {key.tobytes() for key in mine.table.content_keys()[mine.rows(split)]}  # type: ignore[arg-type]
    told = []
    for code, how in ((0, "was trained on"), (1, "was chosen or calibrated by")):
        own = theirs.table.content_keys()[theirs.codes == code]
        if among := len(keys & {key.tobytes() for key in own}):
            told.append(f"{how} {among:,} of the {len(keys):,} {name} faces")
    return "; ".join(told)


def _bare(dataset: str) -> str:
    """A dataset's name without its distribution."""
    return dataset.rpartition(":")[2]


def _figures(comparison: Comparison, row: int) -> dict[str, Any]:
    interval = comparison.interval(row)
    return {
        "mae": float(comparison.errors[row].mean()),
        "interval": [interval.low, interval.high],
        "bias": float(comparison.biases[row].mean()),
        "coverage": float(comparison.covered[row].mean()),
    }


def _differences(comparison: Comparison, others: Sequence[str]) -> list[dict[str, Any]]:
    out = []
    for row, name in enumerate(others, 1):
        found = comparison.difference(row, 0)
        is_sure = not found.interval.holds(0) and comparison.cluster_count >= FEW
        ends = [found.interval.low, found.interval.high]
        less = found.by < 0 if is_sure else None
        out.append({"model": name, "by": found.by, "interval": ends, "errs_less": less})
    return out


def _years(estimates: Estimates, rows: Sequence[int]) -> NDArray[np.float32]:
    """(N, 4) estimate, ends of the interval and error of some rows of the table."""
    at = {row: i for i, row in enumerate(estimates.rows.tolist())}
    mine = [at[row] for row in rows]
    error = estimates.estimate[mine] - estimates.table.age[list(rows)]
    columns = (estimates.estimate[mine], estimates.low[mine], estimates.high[mine], error)
    return np.stack(columns, axis=1)
