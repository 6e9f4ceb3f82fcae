"""Checks of the figures of somebody's result, and of its per-face estimates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from agekit.data.table import MAX_AGE
from agekit.errors import AgekitError, DataError
from agekit.registry import TASKS
from agekit.task import Task
from agekit.tasks.estimator.metrics import METRICS, bias, coverage, cs, mae, summary
from agekit_bench.predictions import Scored, parts_by, read_predictions, read_scored
from agekit_bench.result import Evaluation, Result

__all__ = ["face_reasons", "figure_reasons", "known_reasons", "part_reasons"]


_KEY = re.compile(r"[0-9a-f]{32}")
_YEARS = 2e-3
_TOO_GOOD = 0.5
_OF_AGES = frozenset(metric.name for metric in METRICS)


def figure_reasons(
    path: Path, result: Result, known: Mapping[Path, Result], remarks: list[str]
) -> Iterator[str]:
    """Why the figures of a result cannot be believed, as far as its task lets them be checked.

    Args:
        path: of the result.
        result: what it holds.
        known: results to compare its faces with.
        remarks: gets a line for each thing that a person should look at.
    """
    try:
        task: Task = TASKS.get(result.kind)
    except AgekitError as error:
        yield f"kind: {error.message}"
        return
    if task.ranked_by is not None and task.ranked_by.of_faces:
        yield from face_reasons(path, result, known, remarks)
        return
    if result.predictions is not None:
        yield f"{task.title} has no predictions"
    for evaluation in result.evaluations:
        for name in evaluation.metrics:
            if name.partition("@")[0] in _OF_AGES:
                yield f"metrics.{name} is no figure of {task.title}"
    remarks.append(f"the figures of {task.title} cannot be computed again from its result")


def face_reasons(
    path: Path, result: Result, known: Mapping[Path, Result], remarks: list[str]
) -> Iterator[str]:
    """Why the predictions of a result cannot be believed; nothing if they can.

    Args:
        path: of the result; its predictions lie beside it.
        result: what it holds.
        known: results to compare its faces with.
        remarks: gets a line for each thing that a person should look at.
    """
    try:
        table = read_predictions(path, result)
        yield from _metadata(table)
        for evaluation in result.evaluations:
            scored = read_scored(table, evaluation.protocol, evaluation.generation)
            where = f"{evaluation.protocol}, generation {evaluation.generation}"
            if scored is None:
                yield f"the predictions have no face of {where}"
                continue
            yield from (f"{where}: {line}" for line in _sane(scored))
            yield from (f"{where}: {line}" for line in _agreeing(scored, evaluation))
            yield from (f"{where}: {line}" for line in known_reasons(scored, evaluation, known))
            if evaluation.metrics.get("mae", np.inf) < _TOO_GOOD:
                remarks.append(f"{where}: an error this small asks for an explanation")
        names = {name for evaluation in result.evaluations for name in evaluation.metrics}
        if heads := sorted({name.partition("@")[2] for name in names if "@" in name}):
            remarks.append(f"the errors of the heads {', '.join(heads)} alone are not checked")
        told = sum(evaluation.n for evaluation in result.evaluations)
        if table.num_rows != told:
            yield f"the predictions have {table.num_rows} rows, the evaluations {told} faces"
    except DataError as error:
        yield error.message


def _metadata(table: pa.Table) -> Iterator[str]:
    if any(key != b"ARROW:schema" for key in table.schema.metadata or ()):
        yield "the predictions carry metadata besides their columns"


def _sane(scored: Scored) -> Iterator[str]:
    if scored.age.min() < 0 or scored.age.max() > MAX_AGE:
        yield f"there are true ages outside 0 to {MAX_AGE:.0f}"
    if (scored.sigma < 0).any() or (scored.sigma > MAX_AGE).any():
        yield f"there are deviations of ages outside 0 to {MAX_AGE:.0f}"
    if abs(scored.estimate).max() > 10 * MAX_AGE:
        yield "there are estimates of more than a thousand years"
    if (scored.low > scored.high).any():
        yield "there are intervals whose lower end is above the upper one"
    if bad := next((key for key in scored.key.tolist() if not _KEY.fullmatch(key)), None):
        yield f"{bad[:40]!r} is no content key: 32 hex digits"
    for name in ("identity", "gender", "group"):
        for text in np.unique(getattr(scored, name)).tolist():
            if len(text) > 64 or re.search(r"[/\\<>]|\.(jpe?g|png)$", text, re.I):
                yield f"{text[:40]!r} is no {name}"
                break
    if len(scored) > 20 and (scored.estimate == scored.age).mean() > 0.5:
        yield "more than half of the estimates are the true ages themselves"
    if len(scored) > 20 and np.ptp(scored.estimate) == 0 and np.ptp(scored.age) > 0:
        yield "every face has the same estimate"


def _agreeing(scored: Scored, evaluation: Evaluation) -> Iterator[str]:
    """Metrics that are not those of the predictions."""
    if evaluation.n != len(scored):
        yield f"{evaluation.n} faces are told, the predictions have {len(scored)}"
        return
    recomputed = summary(
        scored.estimate, scored.age, sigma=scored.sigma, low=scored.low, high=scored.high
    )
    for name, value in recomputed.items():
        told = evaluation.metrics.get(name)
        is_share = name.startswith(("ca", "cs", "cov"))
        tolerance = max(_YEARS, 2 / len(scored)) if is_share else _YEARS
        if told is None and name in ("mae", "bias"):
            yield f"metrics.{name} is missing"
        elif told is not None and abs(told - value) > tolerance:
            yield f"metrics.{name} is {told:.4f}, by the predictions {value:.4f}"
    for name in evaluation.metrics:
        if name.partition("@")[0] not in recomputed:
            yield f"metrics.{name}: it cannot be computed from the predictions"
    yield from part_reasons(scored, evaluation)


def known_reasons(
    scored: Scored, evaluation: Evaluation, known: Mapping[Path, Result]
) -> Iterator[str]:
    """Contradictions between an evaluation and the results that are there, or its own faces.

    Args:
        scored: its faces.
        evaluation: what it says of them.
        known: results; those of other splits are passed over.
    """
    alike = {path: same for path, other in known.items() if (same := _alike(other, evaluation))}
    yield from _counted([one for same in alike.values() for one in same], evaluation)
    if not alike:
        yield from _named(scored, evaluation)
    for path, same in alike.items():
        try:
            table = read_predictions(path, known[path])
            theirs = read_scored(table, evaluation.protocol, same[0].generation)
        except DataError:
            continue
        if theirs is None:
            continue
        if not scored.same_faces(theirs):
            yield f"its faces or their true ages are not those of {path}, under the same split"
        else:
            for name in _relabelled(scored, theirs):
                yield f"the column {name} is not that of {path}, of the same faces"
        return


def _alike(other: Result, evaluation: Evaluation) -> list[Evaluation]:
    split = (evaluation.protocol, evaluation.split_hash, evaluation.split)
    return [e for e in other.evaluations if (e.protocol, e.split_hash, e.split) == split]


def _counted(alike: Sequence[Evaluation], evaluation: Evaluation) -> Iterator[str]:
    """Values that follow from the split and contradict every other result of it."""
    for name in ("subject_exclusive", "skipped"):
        theirs = {json.dumps(getattr(one, name)) for one in alike}
        told = json.dumps(getattr(evaluation, name))
        if theirs and told not in theirs:
            yield f"{name} is {told}, and {' or '.join(sorted(theirs))} by others of this split"


def _named(scored: Scored, evaluation: Evaluation) -> Iterator[str]:
    is_told = evaluation.subject_exclusive is not None
    is_named = bool((scored.identity != "").any())
    if is_told and not is_named:
        yield "subject_exclusive is told, and its faces name nobody"
    elif is_named and not is_told:
        yield "subject_exclusive is not told, and its faces name people"


def _relabelled(scored: Scored, theirs: Scored) -> Iterator[str]:
    """The columns that say something else of the same faces; people may be called otherwise."""
    if not np.array_equal(scored.sigma, theirs.sigma, equal_nan=True):
        yield "sigma"
    pairs = len(set(zip(scored.identity.tolist(), theirs.identity.tolist(), strict=True)))
    named = np.array_equal(scored.identity == "", theirs.identity == "")
    if not named or not pairs == len(set(scored.identity)) == len(set(theirs.identity)):
        yield "identity"
    for name in ("gender", "group"):
        if not np.array_equal(getattr(scored, name), getattr(theirs, name)):
            yield name


_ROUNDING = 1e-3
"""How far from the edge of an interval, in years, an age may count as inside or outside."""
_LONGEST = 40

Range = tuple[float, float]


def part_reasons(scored: Scored, evaluation: Evaluation) -> Iterator[str]:
    """Parts of ``by`` that are not what `agekit_bench.scoring.parts_of` makes of the estimates.

    An evaluation may leave out a kind of parts, but no part of a kind that it has. Nothing is said
    of faces without a possible age.

    Args:
        scored: the faces.
        evaluation: what is told of them.
    """
    if not ((scored.age >= 0) & (scored.age <= MAX_AGE)).all():
        return
    kinds = parts_by(scored.age.astype(np.float32), scored.gender, scored.group)
    for kind, told in evaluation.by.items():
        if kind not in kinds:
            yield f"by.{kind[:_LONGEST]}: there are parts by {', '.join(kinds)} alone"
            continue
        for name, figures in told.items():
            where = f"by.{kind}.{name[:_LONGEST]}"
            if name in kinds[kind]:
                yield from _differing(where, figures, _ranges(scored.take(kinds[kind][name])))
            else:
                yield f"{where}: there is no such face"
        for name in kinds[kind]:
            if name not in told:
                yield f"by.{kind}: the part {name} is missing"


def _ranges(part: Scored) -> dict[str, Range]:
    """The least and the most that each figure of a part may be told as."""
    near = _ROUNDING
    return {
        "n": (len(part), len(part)),
        "mae": _around(mae(part.estimate, part.age)),
        "bias": _around(bias(part.estimate, part.age)),
        "cs5": (
            cs(part.estimate, part.age, 5 - near) - near,
            cs(part.estimate, part.age, 5 + near) + near,
        ),
        "coverage": (
            coverage(part.low + near, part.high - near, part.age) - near,
            coverage(part.low - near, part.high + near, part.age) + near,
        ),
    }


def _around(years: float) -> Range:
    return years - _YEARS, years + _YEARS


def _differing(where: str, told: Mapping[str, float], ranges: Mapping[str, Range]) -> Iterator[str]:
    for name, value in told.items():
        if name not in ranges:
            yield f"{where}.{name[:_LONGEST]}: it cannot be computed from the predictions"
        elif not ranges[name][0] <= value <= ranges[name][1]:
            middle = sum(ranges[name]) / 2
            yield f"{where}.{name} is {value:.4f}, by the predictions {middle:.4f}"
