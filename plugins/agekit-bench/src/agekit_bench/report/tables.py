"""The tables of one suite: rows that were trained on one split and scored on the same faces."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from agekit.errors import DataError
from agekit_bench.predictions import Scored, read_predictions, read_scored
from agekit_bench.report.claims import find
from agekit_bench.report.flags import row_flags, table_flags
from agekit_bench.report.model import Facts, Row, Table
from agekit_bench.report.rows import Entry, Group, make_row
from agekit_bench.result import Evaluation, Result
from agekit_bench.speed.document import Speeds
from agekit_bench.stats.comparison import compare
from agekit_bench.suite import Claim, Suite

__all__ = ["suite_tables"]


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
    found: dict[tuple[str, ...], dict[tuple[object, ...], Group]] = {}
    for path, result in results.items():
        if result.status == "failed" or result.row in hidden:
            continue
        predictions = _predictions(path, result, remarks)
        for evaluation in _shown(result, by_generation):
            where = (
                result.protocol,
                result.split_hash or "",
                evaluation.protocol,
                evaluation.split,
                evaluation.split_hash,
            )
            row = (result.row, result.recipe_name, result.backbone, *sorted(result.overrides))
            own = evaluation.protocol == result.protocol
            key = (*row, evaluation.generation if by_generation and own else 0)
            group = found.setdefault(where, {}).setdefault(key, Group(result.row))
            scored = _scored(predictions, evaluation, path, remarks)
            group.entries.append(Entry(path, result, evaluation, scored))
    failed = [result for result in results.values() if result.status == "failed"]
    splits = {(where[0], where[1]) for where in found}
    name = re.sub(r"[^\w.-]", "-", next(iter(results.values())).suite)
    return [
        _table(
            f"{name}/{number}",
            where,
            sorted(groups.values(), key=lambda g: (_place(order, g.label), g.label)),
            hrefs,
            wanted,
            by_generation,
            suite.claims if suite else [],
            failed,
            speeds,
            sum(protocol == where[0] for protocol, _ in splits) > 1,
        )
        for number, (where, groups) in enumerate(
            sorted(found.items(), key=lambda item: _table_order(item[0])), 1
        )
    ]


def _table_order(where: tuple[str, ...]) -> tuple[object, ...]:
    trained, trained_hash, scored, split, scored_hash = where
    return trained, trained_hash, scored != trained, scored, split, scored_hash


def _place(order: Sequence[str], label: str) -> int:
    return order.index(label) if label in order else len(order)


def _shown(result: Result, by_generation: bool) -> list[Evaluation]:
    """The last generation on each protocol; every one on the cell's own if they are rows."""
    last = {
        e.protocol: e.generation for e in sorted(result.evaluations, key=lambda e: e.generation)
    }
    return [
        e
        for e in result.evaluations
        if e.generation == last[e.protocol] or (by_generation and e.protocol == result.protocol)
    ]


def _predictions(path: Path, result: Result, remarks: list[str]) -> pa.Table | None:
    if result.predictions is None:
        return None
    try:
        return read_predictions(path, result)
    except DataError as error:
        remarks.append(error.message)
        return None


def _scored(
    table: pa.Table | None, evaluation: Evaluation, path: Path, remarks: list[str]
) -> Scored | None:
    if table is None:
        return None
    try:
        scored = read_scored(table, evaluation.protocol, evaluation.generation)
    except DataError as error:
        remarks.append(f"{path}: {error.message}")
        return None
    if (count := 0 if scored is None else len(scored)) != evaluation.n:
        remarks.append(
            f"{path}: its predictions have {count} faces of {evaluation.protocol}, generation "
            f"{evaluation.generation}, not {evaluation.n}"
        )
        return None
    return scored


def _table(
    anchor: str,
    where: tuple[str, ...],
    groups: list[Group],
    hrefs: Mapping[Path, str],
    wanted: str | None,
    by_generation: bool,
    claims: Sequence[Claim],
    failed: Sequence[Result],
    speeds: Speeds,
    several_splits: bool,
) -> Table:
    trained_on, _, scored_on, split, split_hash = where
    with_faces = _comparable([group for group in groups if group.scored is not None])
    comparison = compare([g.scored or [] for g in with_faces], [g.seeds for g in with_faces])
    rates = {id(group): speeds.of(group.first.result) for group in groups}
    measured = sum(rate is not None for rate in rates.values()) > 1
    ranked = with_faces if comparison is not None else []
    own_first = by_generation and wanted is None
    bases = [
        _first_generation(groups, group) if own_first else _named(groups, wanted, group)
        for group in groups
    ]
    same = set.intersection(*(set(g.first.result.overrides) for g in groups))
    most_seeds = max(len(group.entries) for group in groups)
    most_faces = max(group.first.evaluation.n for group in groups)
    rows = [
        make_row(
            f"{anchor}/{number}",
            group,
            hrefs,
            comparison=comparison,
            place=_index(ranked, group),
            base=_index(ranked, base),
            is_baseline=group is base,
            detail=_detail(group.first, _needs_backbone(group, groups), by_generation, same),
            rate=rates[id(group)],
            flags=row_flags(
                group,
                None if base is None else base.first.result,
                [r for r in failed if _trained(r) == _trained(group.first.result)],
                most_seeds=most_seeds,
                most_faces=most_faces,
                is_ranked=_index(ranked, group) is not None,
                has_faces=group.scored is not None,
            ),
        )
        for number, (group, base) in enumerate(zip(groups, bases, strict=True), 1)
    ]
    rows.sort(key=lambda row: (row.rank is None, row.rank or 0, _mae(row)))
    evaluations = [group.first.evaluation for group in groups]
    common = len(comparison.faces) if comparison is not None else 0
    return Table(
        anchor=anchor,
        trained_on=trained_on,
        scored_on=scored_on,
        split=split,
        split_hash=split_hash,
        n=most_faces,
        common=common,
        people=comparison.people if comparison is not None else 0,
        baseline=_baseline(rows, own_first),
        facts=_shared([group.first.result for group in groups], same),
        rate_of=f"inference alone, the best batch, on {speeds.machine}" if measured else "",
        rate_href=hrefs[speeds.path] if measured and speeds.path is not None else None,
        flags=table_flags(
            [group.first.result for group in groups],
            evaluations,
            comparison,
            several_splits=several_splits,
            most_seeds=most_seeds,
            has_baseline=len({id(base) for base in bases}) == 1 and bases[0] is not None,
        ),
        rows=rows,
        findings=[] if comparison is None else find(claims, with_faces, comparison),
    )


def _comparable(groups: list[Group]) -> list[Group]:
    """The rows but those that share no face with the one of the most faces."""
    if not groups or compare([group.scored or [] for group in groups]) is not None:
        return groups
    most = max(groups, key=lambda group: group.first.evaluation.n)
    return [g for g in groups if compare([most.scored or [], g.scored or []]) is not None]


def _trained(result: Result) -> tuple[object, ...]:
    """What the seeds of a row have in common."""
    return result.protocol, result.row, result.recipe_name, *sorted(result.overrides)


def _first_generation(groups: Sequence[Group], of: Group) -> Group | None:
    """What a row's evolution began with."""
    mine = _trained(of.first.result)
    return next(
        (
            group
            for group in groups
            if _trained(group.first.result) == mine and group.first.evaluation.generation == 1
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


def _mae(row: Row) -> float:
    return row.metrics["mae"].mean if "mae" in row.metrics else float("inf")


def _shared(results: Sequence[Result], common_overrides: set[str]) -> Facts:
    facts: list[Facts] = [{"backbone": r.backbone, **r.facts} for r in results]
    shared = {k: v for k, v in facts[0].items() if all(k in f and f[k] == v for f in facts)}
    return shared | dict(override.split("=", 1) for override in sorted(common_overrides))


def _index(groups: Sequence[Group], wanted: Group | None) -> int | None:
    return next((i for i, group in enumerate(groups) if group is wanted), None)


def _needs_backbone(group: Group, groups: Sequence[Group]) -> bool:
    """Whether rows are on several backbones, and its label does not say on which it is."""
    backbones = {(other.label, other.first.result.backbone) for other in groups}
    own = {backbone for label, backbone in backbones if label == group.label}
    named = len(own) == 1 and own.pop() in group.label.lower()
    return len({backbone for _, backbone in backbones}) > 1 and not named


def _detail(
    entry: Entry, with_backbone: bool, by_generation: bool, common_overrides: set[str]
) -> str:
    told = [entry.result.backbone] if with_backbone else []
    if by_generation:
        told.append(f"t = {entry.evaluation.generation}")
    return ", ".join([*told, *(o for o in entry.result.overrides if o not in common_overrides)])
