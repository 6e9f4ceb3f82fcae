"""The leaderboard as Markdown, for reading in a repository."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from agekit_bench.report.claims import verdict
from agekit_bench.report.format import (
    arrow,
    count,
    ends,
    figure,
    listed,
    metrics_of,
    plus_minus,
    seconds,
    seeds_of,
    short,
    signed,
)
from agekit_bench.report.model import Answer, Leaderboard, Row, SuiteReport, Table
from agekit_bench.report.papers import PaperRow, PaperTable

__all__ = ["render_markdown"]


def render_markdown(board: Leaderboard, title: str = "Leaderboard") -> str:
    """The tables of the page; the same leaderboard gives the same text.

    Args:
        board: what to show.
        title: of the document.
    """
    lines = [
        f"# {title}",
        "",
        "Made from result files by `agekit bench report`. Errors are in years on faces that were "
        "not trained on; ± is the standard deviation over seeds; intervals are of 95 %, over faces "
        "and seeds, those of differences paired. Rows that cannot be told from the best of their "
        "group share its rank. Of one seed, intervals and ranks are over faces alone, and no "
        "difference is marked: another seed may turn it round.",
        "",
    ]
    for standing in board.standings:
        lines += _standing(standing)
    for printed in board.printed:
        lines += _printed(printed)
    failures = [(standing.name, f) for standing in board.standings for f in standing.failures]
    if failures:
        lines += ["## Failed cells", ""]
        lines += _table(
            ["method", "suite", "protocol", "seed", "what happened", "reason"],
            [
                [
                    _text(f.row),
                    _text(suite),
                    _text(f.protocol),
                    _link(str(f.seed), f.href),
                    f.kind,
                    _text(f.message),
                ]
                for suite, f in failures
            ],
        )
    if board.remarks:
        lines += ["## Left out", "", *(f"- {_text(remark)}" for remark in board.remarks), ""]
    if board.makers:
        lines += ["## Machines and versions", ""]
        for maker in board.makers:
            versions = _text(", ".join(maker.versions))
            lines.append(f"- {_text(maker.name)}, {maker.results} results: {versions}")
        lines.append("")
    return "\n".join(lines)


def _standing(standing: SuiteReport) -> Iterator[str]:
    yield f"## {_text(standing.name)}"
    yield ""
    if standing.description:
        source = f" (after {standing.source})" if standing.source else ""
        yield _text(f"{standing.description}{source}")
        yield ""
    for table in standing.tables:
        yield from _scored(table)


def _scored(table: Table) -> Iterator[str]:
    same = table.scored_on == table.trained_on
    where = table.scored_on if same else f"trained on {table.trained_on}, on {table.scored_on}"
    yield f"### {_text(where)}"
    yield ""
    people = f" of {count(table.people)} people" if table.people else ""
    base = f"; baseline: {_text(table.baseline)}" if table.baseline else ""
    split = f"{table.split.capitalize()} split `{_code(table.split_hash)}`"
    alike = f" The same for all: {_text(listed(table.facts))}." if table.facts else ""
    yield f"{split}, {count(table.n)} faces{people}{base}.{alike}"
    yield ""
    for flag in table.flags:
        yield f"- {_text(flag)}"
    if table.flags:
        yield ""
    metrics = metrics_of(table)
    ranked = any(row.rank is not None for row in table.rows)
    heads = ["rank", "method"]
    for metric in metrics:
        heads.append(metric.heading)
        if metric.name == "mae" and ranked:
            heads.append("interval")
            if table.baseline:
                heads.append("to the baseline")
    heads += ["parameters", "training", "seeds", "to know"]
    rows = []
    for row in table.rows:
        cells = [_rank(row), _text(row.name)]
        alone = row.runs[0].href if len(row.runs) == 1 else None
        for metric in metrics:
            cells.append(_link(figure(row.metrics.get(metric.name), metric), alone))
            if metric.name == "mae" and ranked:
                cells.append("" if row.interval is None else ends(row.interval))
                if table.baseline:
                    cells.append(_difference(row))
        training = "" if row.train_seconds is None else seconds(row.train_seconds.mean)
        links = " ".join(_link(str(run.seed), run.href) for run in row.runs)
        cells += [count(row.parameters), training, links, _text("; ".join(row.flags))]
        rows.append(cells)
    yield from _table(heads, rows)
    for finding in table.findings:
        yield f"Claimed: {_text(finding.claim)}."
        yield ""
        for answer in finding.answers:
            yield f"- {_answer(answer)}"
        yield ""


def _answer(answer: Answer) -> str:
    start = f"{_text(answer.of)}: " if answer.of else ""
    by = f"{signed(answer.by)} years ({ends(answer.interval)}; {seeds_of(answer)})"
    return f"{start}**{verdict(answer)}**, {by}"


def _rank(row: Row) -> str:
    note = f" ({row.rank_note})" if row.rank_note else ""
    return "" if row.rank is None else f"{row.rank}{note}"


def _difference(row: Row) -> str:
    if row.is_baseline:
        return "baseline"
    if (told := row.to_baseline) is None:
        return ""
    by = f"{signed(told.by)} {arrow(told)}".rstrip()
    return f"{by} ({ends(told.interval)}; {seeds_of(told)})"


def _printed(table: PaperTable) -> Iterator[str]:
    yield f"## {_text(table.title)}"
    yield ""
    yield _text(f"{table.source}. {table.note}".strip())
    yield ""
    heads = ["method"]
    for name, _ in table.columns:
        heads += [f"{_text(name)}, reported", "reproduced"]
    yield from _table(
        [*heads, "#Param, reported", "here"], [_printed_row(table, row) for row in table.rows]
    )
    if table.waits_for:
        needed = ", ".join(f"`{_code(name)}`" for name in table.waits_for)
        yield f"Reproduced figures that are not there wait for licensed data: {needed}."
        cut = "cuts the faces out of the PHOTOS, and " if table.prepare else ""
        yield f"Whoever has it {cut}fills them with"
        yield ""
        yield "```"
        yield "\n".join([*table.prepare, table.command]).replace("`", "")
        yield "```"
        yield ""


def _printed_row(table: PaperTable, row: PaperRow) -> list[str]:
    cells = [_text(f"{row.label} ({row.note})" if row.note else row.label)]
    figures = zip(table.columns, row.reported, row.reproduced, row.links, strict=True)
    for (_, decimals), told, got, link in figures:
        without = "waiting" if link is None else "no figure"
        here = without if got is None else plus_minus(got, decimals)
        cells += [told or "–", _link(here, link)]
    cells.append("–" if row.parameters is None else short(row.parameters))
    cells.append(count(row.counted))
    return cells


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (heads, ["---"] * len(heads), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


def _link(text: str, href: str | None) -> str:
    return f"[{text}](<{href}>)" if text and href else text


def _text(text: str) -> str:
    """Somebody's text as text: no markup, no line ends."""
    plain = " ".join(text.split())
    return re.sub(r"([\\`*_\[\]<>|&#~])", r"\\\1", plain)


def _code(text: str) -> str:
    return re.sub(r"[^\w.:-]", "", text)
