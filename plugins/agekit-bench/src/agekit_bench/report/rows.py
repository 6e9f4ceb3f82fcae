"""The rows of the tables: a recipe over its seeds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from glob import escape
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]

from agekit.errors import DataError
from agekit_bench.predictions import Scored, read_predictions, read_scored
from agekit_bench.report.model import Row, RunEntry
from agekit_bench.result import Evaluation, Machine, Result
from agekit_bench.stats.comparison import Comparison, Rank
from agekit_bench.stats.intervals import Spread, spread
from agekit_bench.stats.subgroups import check_scores, part_scores, parts_of

__all__ = [
    "Entry",
    "Group",
    "Position",
    "describe_machine",
    "detail_of",
    "make_row",
    "read_entries",
]


@dataclass(frozen=True)
class Entry:
    """One seed of a row to be.

    Attributes:
        path: of its result.
        result: what that holds.
        evaluation: of the generation and on the protocol of the row.
        scored: the per-face estimates; None where they cannot be used.
    """

    path: Path
    result: Result
    evaluation: Evaluation
    scored: Scored | None


@dataclass
class Group:
    """A row to be.

    Attributes:
        label: of the row.
        entries: its seeds.
    """

    label: str
    entries: list[Entry] = field(default_factory=list)

    @property
    def scored(self) -> list[Scored] | None:
        """The per-face estimates of every seed; None where one has none."""
        found = [entry.scored for entry in self.entries if entry.scored is not None]
        return found if len(found) == len(self.entries) else None

    @property
    def seeds(self) -> list[int]:
        """Of its trainings."""
        return [entry.result.seed for entry in self.entries]

    @property
    def metrics(self) -> list[dict[str, float]]:
        """Of each seed."""
        return [entry.evaluation.metrics for entry in self.entries]

    @property
    def training(self) -> tuple[str, ...]:
        """The fields that its seeds and generations share."""
        return self.first.result.training

    @property
    def first(self) -> Entry:
        """The seed that stands for the row in what all seeds share."""
        return self.entries[0]


def read_entries(
    path: Path, result: Result, by_generation: bool, remarks: list[str]
) -> Iterator[Entry]:
    """The entries that a result gives to tables: its last generation on each protocol.

    Args:
        path: of the result.
        result: what it holds.
        by_generation: with every generation on the result's own protocol.
        remarks: gets a line for each file of predictions that cannot be used.
    """
    predictions = _predictions(path, result, remarks)
    for evaluation in _shown(result, by_generation):
        yield Entry(path, result, evaluation, _scored(predictions, evaluation, path, remarks))


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


@dataclass(frozen=True)
class Position:
    """A row's place among those that were compared face by face.

    Attributes:
        comparison: of the table's rows.
        place: the row's in it.
        base: the baseline's; None without one.
    """

    comparison: Comparison
    place: int
    base: int | None


def make_row(
    anchor: str,
    group: Group,
    hrefs: Mapping[Path, str],
    *,
    position: Position | None,
    rank: Rank | None,
    is_baseline: bool,
    detail: str,
    rate: float | None,
    flags: list[str],
) -> Row:
    """Makes a row.

    Args:
        anchor: unique on the page.
        group: its seeds.
        hrefs: how the page links to results.
        position: in the comparison; None where it is not in it.
        rank: among the rows; None where nothing tells.
        is_baseline: whether it is the baseline.
        detail: what tells it from others of its label.
        rate: faces a second; None where it was not measured.
        flags: what a reader has to know.
    """
    result = group.first.result
    runs = [_run(entry, hrefs) for entry in sorted(group.entries, key=lambda e: e.result.seed)]
    row = Row(
        anchor=anchor,
        label=group.label,
        detail=detail,
        recipe=result.recipe_name,
        method=result.method,
        backbone=result.backbone,
        generation=group.first.evaluation.generation,
        rank=None if rank is None else rank.place,
        rank_note="" if rank is None else rank.note,
        metrics=_metrics(runs),
        interval=None,
        difference=None,
        difference_seeds=0,
        difference_opposed=0,
        is_baseline=is_baseline,
        parameters=result.parameters,
        train_seconds=_spread([run.train_seconds for run in runs]),
        rate=rate,
        level=_level(result),
        facts=result.facts,
        flags=flags,
        runs=runs,
        command=_command(group),
    )
    if position is None:
        return row
    comparison, place, base = position.comparison, position.place, position.base
    parts = parts_of(comparison.faces)
    told = None if base is None or base == place else comparison.difference(place, base)
    return replace(
        row,
        interval=comparison.interval(place),
        difference=None if told is None else (told.by, told.interval),
        difference_seeds=0 if told is None else told.seeds,
        difference_opposed=0 if told is None else told.opposed,
        parts=part_scores(comparison, place, parts),
        checks=check_scores(comparison, place, parts),
    )


def _command(group: Group) -> str:
    """The command line that makes the row's results anew."""
    result = group.first.result
    dataset = result.protocol.partition(":")[0]
    seeds, only = ",".join(map(str, sorted(group.seeds))), escape(group.label)
    preset = ["--preset", result.preset] if result.preset else []
    which = ["--only", only, "--protocol", result.protocol, *preset, "--seeds", seeds]
    return shlex.join(["agekit", "bench", "run", result.suite, *which, "--root", f"{dataset}=DIR"])


def describe_machine(machine: Machine | None) -> str:
    """A machine in one line; nothing where it is not told."""
    if machine is None:
        return ""
    driver = f", driver {machine.driver}" if machine.driver else ""
    threads = f"{machine.threads} thread{'s' if machine.threads > 1 else ''}"
    return f"{machine.name} ({machine.device}{driver}, {threads})"


def _run(entry: Entry, hrefs: Mapping[Path, str]) -> RunEntry:
    result, href = entry.result, hrefs[entry.path]
    code, memory = result.code, result.peak_memory
    is_last = entry.evaluation.generation == result.final.generation
    return RunEntry(
        seed=result.seed,
        href=href,
        predictions=None
        if result.predictions is None
        else f"{href.rpartition('/')[0] or '.'}/{result.predictions.file}",
        metrics=entry.evaluation.metrics,
        train_seconds=result.wall_seconds.get("train") if is_last else None,
        evaluate_seconds=result.wall_seconds.get("evaluate"),
        memory=memory.get("cuda", memory.get("rss")),
        energy=result.energy,
        machine=describe_machine(result.machine),
        commit="" if code is None else code.commit[:10] + ("" if code.clean else "+"),
        recipe_hash=result.recipe_hash or "",
    )


def _metrics(runs: Sequence[RunEntry]) -> dict[str, Spread]:
    names = [n for n in runs[0].metrics if all(n in run.metrics for run in runs)]
    return {name: spread([run.metrics[name] for run in runs]) for name in names}


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return spread(known) if known else None


def _level(result: Result) -> float | None:
    estimate = (result.recipe or {}).get("estimate")
    level = estimate.get("level") if isinstance(estimate, dict) else None
    return float(level) if isinstance(level, int | float) and 0 < level < 1 else None


def _needs_backbone(group: Group, groups: Sequence[Group]) -> bool:
    """True if rows are on several backbones, and its label does not say on which it is."""
    backbones = {(other.label, other.first.result.backbone) for other in groups}
    own = {backbone for label, backbone in backbones if label == group.label}
    named = len(own) == 1 and own.pop() in group.label.lower()
    return len({backbone for _, backbone in backbones}) > 1 and not named


def detail_of(
    group: Group, groups: Sequence[Group], by_generation: bool, common_overrides: set[str]
) -> str:
    """The words that tell a row from others of its label: backbone, generation, overrides."""
    entry = group.first
    told = [entry.result.backbone] if _needs_backbone(group, groups) else []
    if by_generation:
        told.append(f"t = {entry.evaluation.generation}")
    return ", ".join([*told, *(o for o in entry.result.overrides if o not in common_overrides)])
