"""Answers to a suite's claims by rows on the same faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agekit_bench.report.model import Answer, Finding
from agekit_bench.report.rows import Group
from agekit_bench.stats.comparison import Comparison
from agekit_bench.suite import Claim

__all__ = ["find", "verdict"]


def find(claims: Sequence[Claim], groups: Sequence[Group], comparison: Comparison) -> list[Finding]:
    """Answers the claims that the rows of a table are about.

    Args:
        claims: of the suite.
        groups: the rows, in the order of the comparison.
        comparison: of them, face by face.
    """
    found = [Finding(claim.text, list(_answers(claim, groups, comparison))) for claim in claims]
    return [finding for finding in found if finding.answers]


def verdict(answer: Answer) -> str:
    """In words: of one training a row what holds of it, which says little of the methods."""
    holds, of = answer.holds, ""
    if answer.seeds == 1 and not answer.interval.holds(0):
        holds, of = answer.by < 0, " in these trainings"
    words = {True: "yes", False: "the other way round", None: "cannot be told"}
    return f"{words[holds]}{of}"


class _Pair(NamedTuple):
    """Places in the order of the comparison: of the row that is said to be better, of the other."""

    better: int
    other: int


def _answers(claim: Claim, groups: Sequence[Group], comparison: Comparison) -> Iterator[Answer]:
    """One for each pair, and where there are several against the same, one for all together."""
    against: dict[str, list[_Pair]] = {}
    for pair in _pairs(claim, groups):
        against.setdefault(groups[pair.other].label if claim.row else "", []).append(pair)
    for label, pairs in against.items():
        for pair in pairs:
            of = _of(claim, groups[pair.better], groups[pair.other], groups)
            yield _answer(of, [pair], comparison)
        if len(pairs) > 1:
            of = "both together" if len(pairs) == 2 else f"all {len(pairs)} together"
            if len(against) > 1:
                of += f", against {label}"
            yield _answer(of, pairs, comparison)


def _pairs(claim: Claim, groups: Sequence[Group]) -> Iterator[_Pair]:
    for place, better in enumerate(groups):
        if claim.row in (None, better.label) and _is(better, claim.generation, groups):
            for other_place, other in enumerate(groups):
                if (
                    other.label in (claim.beats or [better.label])
                    and _is(other, claim.beats_generation, groups)
                    and _alike(better, other)
                ):
                    yield _Pair(place, other_place)


def _answer(of: str, pairs: Sequence[_Pair], comparison: Comparison) -> Answer:
    weights: dict[int, float] = {}
    for better, other in pairs:
        weights[better] = weights.get(better, 0.0) + 1 / len(pairs)
        weights[other] = weights.get(other, 0.0) - 1 / len(pairs)
    return Answer(**vars(comparison.contrast(weights)), of=of)


def _is(group: Group, generation: int | None, groups: Sequence[Group]) -> bool:
    """True if a row is of a generation, or, of None, of the last there is."""
    last = max(g.first.evaluation.generation for g in groups if g.training == group.training)
    return group.first.evaluation.generation == (last if generation is None else generation)


def _alike(group: Group, other: Group) -> bool:
    """True if two rows differ in nothing that a claim is not about."""
    if group.label == other.label:
        return group is not other and group.training == other.training
    mine, its = group.first.result, other.first.result
    return (mine.backbone, mine.preset) == (its.backbone, its.preset)


def _of(claim: Claim, better: Group, other: Group, groups: Sequence[Group]) -> str:
    """The words about a pair that the claim's own words leave out."""
    told = [better.label] if claim.row is None else []
    if len(claim.beats) > 1:
        told.append(f"against {other.label}")
    if claim.row is not None and len({group.first.result.backbone for group in groups}) > 1:
        told.append(f"on {better.first.result.backbone}")
    return " ".join(told)
