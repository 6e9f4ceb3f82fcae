"""The tables of one suite: rows that were trained on one split and scored on the same faces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agekit_bench.report.claims import find
from agekit_bench.report.flags import row_flags, table_flags
from agekit_bench.report.model import Facts, Row, Table
from agekit_bench.report.ranking import badness, ranking_of, ranks_by_figure, why_unranked
from agekit_bench.report.rows import Group, Position, detail_of, make_row, read_entries
from agekit_bench.result import Evaluation, Result
from agekit_bench.result_files import Speeds
from agekit_bench.stats.comparison import compare
from agekit_bench.suite import Claim, Suite

__all__ = ["Scope", "suite_tables"]


class Scope(NamedTuple):
    """The key of a table, which its results share; tables are sorted by it.

    Args:
        trained_on: a protocol.
        trained_split: the hash of its split.
        is_other: whether the faces scored are of another protocol.
        scored_on: a protocol.
        split: which part of it.
        split_hash: of the split of `scored_on`.
        kind: of the models.
    """

    trained_on: str
    trained_split: str
    is_other: bool
    scored_on: str
    split: str
    split_hash: str
    kind: str

    @classmethod
    def of(cls, result: Result, evaluation: Evaluation) -> Scope:
        """The table that an evaluation belongs to."""
        return cls(
            result.protocol,
            result.split_hash or "",
            evaluation.protocol != result.protocol,
            evaluation.protocol,
            evaluation.split,
            evaluation.split_hash,
            result.kind,
        )


@dataclass(frozen=True)
class _Context:
    """The values that are the same for every table of a suite.

    Attributes:
        hrefs: how the page links to results.
        baseline: the label of the row that the others are compared with.
        by_generation: whether each generation is a row.
        claims: of the suite.
        failed: the results without figures.
        speeds: of inference.
    """

    hrefs: Mapping[Path, str]
    baseline: str | None
    by_generation: bool
    claims: Sequence[Claim]
    failed: Sequence[Result]
    speeds: Speeds


def suite_tables(
    results: Mapping[Path, Result],
    hrefs: Mapping[Path, str],
    suite: Suite | None,
    baseline: str | None,
    speeds: Speeds,
    remarks: list[str],
) -> list[Table]:
    """Makes the tables of a suite.

    Args:
        results: of the suite, by their paths.
        hrefs: how the page links to them.
        suite: what its file says; None where it is not known.
        baseline: the label of a row, in place of the suite's own where it has that row.
        speeds: of inference, where they were measured.
        remarks: gets a line for each file of predictions that cannot be used.
    """
    hidden = {row.label for row in suite.rows if not row.shown} if suite else set()
    by_generation = suite.by_generation if suite else False
    wanted = suite.baseline if suite else None
    if any(result.row == baseline for result in results.values()):
        wanted = baseline
    order = [row.label for row in suite.rows] if suite else []
    found: dict[Scope, dict[tuple[object, ...], Group]] = {}
    for path, result in results.items():
        if result.status == "failed" or result.row in hidden:
            continue
        for entry in read_entries(path, result, by_generation, remarks):
            evaluation = entry.evaluation
            own = evaluation.protocol == result.protocol
            key = (*result.training, evaluation.generation if by_generation and own else 0)
            groups = found.setdefault(Scope.of(result, evaluation), {})
            groups.setdefault(key, Group(result.row)).entries.append(entry)
    context = _Context(
        hrefs=hrefs,
        baseline=wanted,
        by_generation=by_generation,
        claims=suite.claims if suite else [],
        failed=[result for result in results.values() if result.status == "failed"],
        speeds=speeds,
    )
    splits = Counter({(scope.trained_on, scope.trained_split): 1 for scope in found})
    names = Counter(trained_on for trained_on, _ in splits)
    name = re.sub(r"[^\w.-]", "-", next(iter(results.values())).suite)
    return [
        _table(
            f"{name}/{number}",
            scope,
            sorted(found[scope].values(), key=lambda g: (_place(order, g.label), g.label)),
            context,
            several_splits=names[scope.trained_on] > 1,
        )
        for number, scope in enumerate(sorted(found), 1)
    ]


def _place(order: Sequence[str], label: str) -> int:
    return order.index(label) if label in order else len(order)


def _table(
    anchor: str,
    scope: Scope,
    groups: list[Group],
    context: _Context,
    *,
    several_splits: bool,
) -> Table:
    with_faces = _comparable([group for group in groups if group.scored is not None])
    comparison = compare([g.scored or [] for g in with_faces], [g.seeds for g in with_faces])
    ranking = ranking_of(scope.kind)
    ranks = (
        {} if comparison is None else dict(zip(map(id, with_faces), comparison.ranks, strict=True))
    )
    if ranking is None or not ranking.of_faces:
        ranks = ranks_by_figure(ranking, groups)
    rates = {id(group): context.speeds.of(group.first.result) for group in groups}
    measured = sum(rate is not None for rate in rates.values()) > 1
    places = {} if comparison is None else {id(g): i for i, g in enumerate(with_faces)}
    own_first = context.by_generation and context.baseline is None
    bases = [
        _first_generation(groups, group) if own_first else _named(groups, context.baseline, group)
        for group in groups
    ]
    same = set.intersection(*(set(g.first.result.overrides) for g in groups))
    most_seeds = max(len(group.entries) for group in groups)
    most_faces = max(group.first.evaluation.n for group in groups)
    rows = [
        make_row(
            f"{anchor}/{number}",
            group,
            context.hrefs,
            position=(
                Position(comparison, places[id(group)], places.get(id(base)))
                if comparison is not None and id(group) in places
                else None
            ),
            rank=ranks.get(id(group)),
            is_baseline=group is base,
            detail=detail_of(group, groups, context.by_generation, same),
            rate=rates[id(group)],
            flags=row_flags(
                group,
                None if base is None else base.first.result,
                [r for r in context.failed if r.training == group.first.result.training],
                most_seeds=most_seeds,
                most_faces=most_faces,
                unranked="" if id(group) in ranks else why_unranked(ranking, group),
            ),
        )
        for number, (group, base) in enumerate(zip(groups, bases, strict=True), 1)
    ]
    rows.sort(key=lambda row: (row.rank is None, row.rank or 0, badness(ranking, row)))
    evaluations = [group.first.evaluation for group in groups]
    common = len(comparison.faces) if comparison is not None else 0
    return Table(
        anchor=anchor,
        trained_on=scope.trained_on,
        scored_on=scope.scored_on,
        split=scope.split,
        split_hash=scope.split_hash,
        n=most_faces,
        common=common,
        people=comparison.people if comparison is not None else 0,
        ranking=ranking,
        baseline=_baseline(rows, own_first),
        facts=_shared([group.first.result for group in groups], same),
        rate_of=f"inference alone, the best batch, on {context.speeds.machine}" if measured else "",
        rate_href=_href(context) if measured else None,
        flags=table_flags(
            [group.first.result for group in groups],
            evaluations,
            comparison,
            ranking,
            several_splits=several_splits,
            most_seeds=most_seeds,
            has_baseline=len({id(base) for base in bases}) == 1 and bases[0] is not None,
        ),
        rows=rows,
        findings=[] if comparison is None else find(context.claims, with_faces, comparison),
    )


def _href(context: _Context) -> str | None:
    return None if context.speeds.path is None else context.hrefs[context.speeds.path]


def _comparable(groups: list[Group]) -> list[Group]:
    """The rows but those that share no face with the one of the most faces."""
    if not groups or compare([group.scored or [] for group in groups]) is not None:
        return groups
    most = max(groups, key=lambda group: group.first.evaluation.n)
    return [g for g in groups if compare([most.scored or [], g.scored or []]) is not None]


def _first_generation(groups: Sequence[Group], of: Group) -> Group | None:
    """The row that a row's evolution began with."""
    mine = of.first.result.training
    return next(
        (
            group
            for group in groups
            if group.first.result.training == mine and group.first.evaluation.generation == 1
        ),
        None,
    )


def _named(groups: Sequence[Group], label: str | None, of: Group) -> Group | None:
    """The row of a label, on the backbone of `of` where it is there on several."""
    found = [group for group in groups if group.label == label]
    backbone = of.first.result.backbone
    alike = [group for group in found if group.first.result.backbone == backbone]
    return next(iter([*alike, *found]), None)


def _baseline(rows: Sequence[Row], own_first: bool) -> str | None:
    found = [row for row in rows if row.is_baseline]
    if not found:
        return None
    if own_first:
        return "the first generation of each"
    if len(found) > 1:
        return f"{found[0].label}, on the backbone of each"
    return _called(found[0], rows)


def _called(row: Row, rows: Sequence[Row]) -> str:
    """A row's label, and what tells it from others of that label."""
    alone = sum(other.label == row.label for other in rows) == 1
    return row.label if alone or not row.detail else f"{row.label} ({row.detail})"


def _shared(results: Sequence[Result], common_overrides: set[str]) -> Facts:
    facts: list[Facts] = [{"backbone": r.backbone, **r.facts} for r in results]
    shared = {k: v for k, v in facts[0].items() if all(k in f and f[k] == v for f in facts)}
    return shared | dict(override.split("=", 1) for override in sorted(common_overrides))
