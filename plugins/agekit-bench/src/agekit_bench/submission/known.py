"""Whether somebody's result is of the faces that results of the same split have."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from agekit.errors import DataError
from agekit_bench.results.result import Evaluation, Result
from agekit_bench.results.scored import Scored, read_predictions, read_scored

__all__ = ["known_reasons"]


def known_reasons(
    scored: Scored, evaluation: Evaluation, known: Mapping[Path, Result]
) -> Iterator[str]:
    """What an evaluation says otherwise than the results that are there, or than its own faces.

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
    """What follows from the split and is told otherwise than by every other result of it."""
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
