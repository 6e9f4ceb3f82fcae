"""Whether the figures of somebody's result are sane, and those of its per-face estimates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from agekit.data.table import MAX_AGE
from agekit.errors import DataError
from agekit.tasks.estimator.metrics import summary
from agekit_bench.results.result import Evaluation, Result
from agekit_bench.results.scored import Scored, read_predictions, read_scored
from agekit_bench.submission.known import known_reasons
from agekit_bench.submission.parts import part_reasons

__all__ = ["ager_reasons", "face_reasons"]

_KEY = re.compile(r"[0-9a-f]{32}")
_YEARS = 2e-3
_TOO_GOOD = 0.5
_OF_ESTIMATORS = frozenset(summary([0.0], [0.0], sigma=[1.0], low=[0.0], high=[0.0]))


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


def ager_reasons(result: Result, remarks: list[str]) -> Iterator[str]:
    """Why the result of an ager cannot be believed, as far as it can be checked.

    Args:
        result: what it holds.
        remarks: gets a line for each thing that a person should look at.
    """
    if result.predictions is not None:
        yield "an ager has no predictions"
    for evaluation in result.evaluations:
        for name in evaluation.metrics:
            if name.partition("@")[0] in _OF_ESTIMATORS:
                yield f"metrics.{name} is no figure of an ager"
    remarks.append("the figures of an ager cannot be computed again from its result")


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
    """Where the metrics are not those of the predictions."""
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
