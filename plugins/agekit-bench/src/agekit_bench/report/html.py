"""The leaderboard as one HTML page that needs no network, and is read without scripts too."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from agekit.bootstrap import RESAMPLES
from agekit.tasks.estimator.metrics import Metric
from agekit_bench.report import format as formats
from agekit_bench.report.claims import verdict
from agekit_bench.report.format import metrics_of
from agekit_bench.report.model import Leaderboard, Table
from agekit_bench.report.views import SuiteView

__all__ = ["TITLE", "render_page"]


TITLE = "agekit leaderboard"
_FORMATS = (
    "arrow",
    "count",
    "ends",
    "figure",
    "plus_minus",
    "seeds_of",
    "share",
    "short",
    "signed",
)


def render_page(board: Leaderboard, title: str = TITLE) -> str:
    """The page; the same leaderboard gives the same text.

    Labels, notes and file names come from other people's files: all of them are escaped, and the
    page's policy lets no script run but its own.

    Args:
        board: what to show.
        title: of the page.
    """
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_read),
    )
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    environment.globals.update(
        {name: getattr(formats, name) for name in _FORMATS},
        main_metric=_main_metric,
        verdict=verdict,
    )
    suites = [SuiteView(b, f"suite-{i}") for i, b in enumerate(board.standings, 1)]
    tables = [view for suite in suites for view in suite.tables]
    style, script = _read("style.css"), _read("script.js")
    text = environment.get_template("index.html.j2").render(
        title=title,
        board=board,
        standings=suites,
        failures=[(b.name, failure) for b in board.standings for failure in b.failures],
        datasets=list(dict.fromkeys(view.table.scored_on for view in tables)),
        parts=[p for p in dict.fromkeys(p for v in tables for p in v.part_names) if p[0] != "all"],
        totals=_totals(board),
        resamples=formats.count(RESAMPLES),
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
    )
    return _squeezed(text) + "\n"


def _read(name: str) -> str:
    """A file of the page, squeezed."""
    return _squeezed(files(__package__).joinpath("page", name).read_text(encoding="utf-8"))


def _squeezed(text: str) -> str:
    """Without empty lines and blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())


def _hash(text: str) -> str:
    """A text's name in a content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _main_metric(table: Table) -> Metric:
    return metrics_of(table, every=True)[0]


def _totals(board: Leaderboard) -> str:
    rows = sum(len(table.rows) for b in board.standings for table in b.tables)
    runs = {
        run.href for b in board.standings for t in b.tables for row in t.rows for run in row.runs
    }
    if not rows:
        return "no results yet"
    return f"{rows} rows from {len(runs)} trainings"
