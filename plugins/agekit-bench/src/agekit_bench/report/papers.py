"""The papers' tables: what they report, next to what was reproduced here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agekit.errors import AgekitError, ConfigError
from agekit.recipe import resolve
from agekit_bench.catalog import find_suites, load_suite
from agekit_bench.cells import takes_judges
from agekit_bench.datasets import cut_command, is_uncut
from agekit_bench.report.reported import (
    Column,
    Reported,
    ReportedRow,
    find_reported,
    load_reported,
)
from agekit_bench.result import Evaluation, Result
from agekit_bench.stats.intervals import Spread, spread
from agekit_bench.suite import Suite

__all__ = ["PaperRow", "PaperTable", "paper_tables"]


@dataclass(frozen=True)
class PaperRow:
    """A row of a paper's table, and what was reproduced of it.

    Attributes:
        label: as printed.
        note: whose it is, what it was pre-trained on; how what was reproduced was trained.
        parameters: as printed.
        reported: of each column as printed; None where the paper has none.
        reproduced: likewise; None where nothing was, or where what was has no such figure.
        links: likewise, to a result file that the figure is of, or that has none.
        counted: the parameters of the reproduced model.
        hrefs: of the result files.
    """

    label: str
    note: str
    parameters: float | None
    reported: list[str | None]
    reproduced: list[Spread | None]
    links: list[str | None]
    counted: int | None
    hrefs: list[str]


@dataclass(frozen=True)
class PaperTable:
    """A paper's table.

    Attributes:
        name: of the file of reported figures.
        title: one line.
        source: the paper and its table.
        note: what a reader has to know.
        columns: as printed, each with the number of decimals.
        rows: of methods.
        waits_for: datasets without which nothing more is reproduced; none where all of it is.
        prepare: the commands that cut the faces of these datasets out first.
        command: what fills the rest.
    """

    name: str
    title: str
    source: str
    note: str
    columns: list[tuple[str, int]]
    rows: list[PaperRow]
    waits_for: list[str]
    prepare: list[str]
    command: str


def paper_tables(
    results: Mapping[Path, Result],
    hrefs: Mapping[Path, str],
    suites: Mapping[str, Suite | None],
    only: str | None = None,
) -> list[PaperTable]:
    """Fills the papers' tables with what there is.

    Args:
        results: by their paths.
        hrefs: how the page links to them.
        suites: those that the results are of.
        only: keeps the table that this suite reproduces, if any.
    """
    out = []
    for name in find_reported():
        table = load_reported(name)
        fills = {table.suite} | {
            n for n, s in suites.items() if s is not None and s.reported == name
        }
        if only is None or only in fills:
            own = {p: r for p, r in results.items() if r.suite in fills and r.status == "done"}
            out.append(_printed(table, own, hrefs))
    return out


def _printed(
    table: Reported, results: Mapping[Path, Result], hrefs: Mapping[Path, str]
) -> PaperTable:
    rows = [_row(table, row, results, hrefs) for row in table.rows]
    suite = _suite(table)
    needs = [] if suite is None else _datasets(suite)
    waits = any(None in row.links for row in rows)
    return PaperTable(
        name=table.name,
        title=table.title,
        source=table.source,
        note=table.note,
        columns=[
            (c.name, _decimals([row.values[i] for row in table.rows]))
            for i, c in enumerate(table.columns)
        ],
        rows=rows,
        waits_for=needs if waits else [],
        prepare=[]
        if suite is None
        else [
            cut_command(suite, name, Path("PHOTOS"), "DIR")
            for name in needs
            if is_uncut(suite, name, None)
        ],
        command=" ".join(
            [f"agekit bench run {table.suite}", *([] if suite is None else _options(suite))]
        )
        + f"\nagekit bench report bench/{table.suite}",
    )


def _suite(table: Reported) -> Suite | None:
    """The suite that reproduces a table; None where that is not here."""
    if table.suite not in find_suites():
        return None
    try:
        return load_suite(table.suite)
    except ConfigError:
        return None


def _options(suite: Suite) -> Iterator[str]:
    """The options that a suite needs: datasets, models to start from, and who judges agers."""
    yield from (f"--root {name}=DIR" for name in _datasets(suite))
    starts = (row.init for row in suite.rows if row.init is not None)
    yield from (f"--init {name}=MODEL" for name in dict.fromkeys(starts) if not suite.row(name))
    if not suite.judges and any(_is_judged(row.recipe) for row in suite.rows):
        yield "--judge MODEL"


def _is_judged(recipe: str) -> bool:
    try:
        return takes_judges(resolve(recipe).recipe.kind)
    except AgekitError:
        return False


def _datasets(suite: Suite) -> list[str]:
    rules = [*suite.protocols, *(rule for row in suite.rows for rule in row.protocols or ())]
    return list(dict.fromkeys(rule.dataset for rule in rules))


def _row(
    table: Reported,
    row: ReportedRow,
    results: Mapping[Path, Result],
    hrefs: Mapping[Path, str],
) -> PaperRow:
    alike = _one_training(row, results)
    spreads: list[Spread | None] = []
    links: list[str | None] = []
    used: set[Path] = set()
    for column in table.columns:
        scored = {path: _evaluation(result, row, column) for path, result in alike.items()}
        there = {path: one for path, one in scored.items() if one is not None}
        figures = {path: _figure(one, row, column) for path, one in there.items()}
        known = {path: value for path, value in figures.items() if value is not None}
        used |= there.keys()
        spreads.append(spread(list(known.values())) if known else None)
        links.append(hrefs[min(known or there)] if there else None)
    counts = {r.parameters for p, r in alike.items() if p in used and r.parameters is not None}
    words = [row.cited, row.detail, f"pre-trained on {row.pretrained}" if row.pretrained else ""]
    words += dict.fromkeys(_made_with(results[path]) for path in sorted(used))
    return PaperRow(
        label=row.label,
        note="; ".join(word for word in words if word),
        parameters=row.parameters,
        reported=row.values,
        reproduced=spreads,
        links=links,
        counted=counts.pop() if len(counts) == 1 else None,
        hrefs=[hrefs[path] for path in sorted(used)],
    )


def _one_training(row: ReportedRow, results: Mapping[Path, Result]) -> dict[Path, Result]:
    """The results of a row, on each protocol those that differ in nothing but the seed.

    Of several trainings that of the row's recipe is taken, then that of the most seeds.
    """
    named = {p: r for p, r in results.items() if r.row in (row.label, row.row)}
    alike = named or {p: r for p, r in results.items() if r.recipe_name == row.recipe}
    trainings: dict[str, dict[tuple[object, ...], dict[Path, Result]]] = {}
    for path, result in alike.items():
        how = (result.suite, result.recipe_name, result.preset, *sorted(result.overrides))
        here = trainings.setdefault(result.protocol, {})
        here.setdefault((*how, result.split_hash), {})[path] = result

    def order(seeds: Mapping[Path, Result]) -> tuple[bool, int]:
        return next(iter(seeds.values())).recipe_name == row.recipe, len(seeds)

    chosen = [max(several.values(), key=order) for several in trainings.values()]
    return {path: result for seeds in chosen for path, result in seeds.items()}


def _made_with(result: Result) -> str:
    """The training of a reproduced model, as far as its recipe's name does not say."""
    preset = [f"preset {result.preset}"] if result.preset else []
    told = ", ".join([*preset, *(o for o in result.overrides if not o.startswith("preset="))])
    return f"here: {told}" if told else ""


def _evaluation(result: Result, row: ReportedRow, column: Column) -> Evaluation | None:
    """The evaluation of a result that a column is of, the last one; None where there is none."""
    candidates: Sequence[Evaluation] = [
        e
        for e in result.evaluations
        if e.protocol == (column.protocol or result.protocol)
        and e.protocol == result.protocol
        and row.generation in (None, e.generation)
    ]
    return max(candidates, key=lambda e: e.generation, default=None)


def _figure(scored: Evaluation, row: ReportedRow, column: Column) -> float | None:
    """An evaluation's figure of a column, on the scale of the paper; None where it has none."""
    name = column.metric if row.head is None else f"{column.metric}@{row.head}"
    value = scored.metrics.get(name)
    return None if value is None else value * (100 if column.percent else 1)


def _decimals(values: Sequence[str | None]) -> int:
    """The most decimals of any figure of a column."""
    return max((len(value.partition(".")[2]) for value in values if value is not None), default=2)
