"""The leaderboard as one HTML page that needs no network, and is read without scripts too."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from agekit.bootstrap import RESAMPLES
from agekit_bench.report.claims import verdict
from agekit_bench.report.figures import short
from agekit_bench.report.format import (
    arrow,
    count,
    ends,
    figure,
    seconds,
    seeds_of,
    signed,
)
from agekit_bench.report.model import Leaderboard
from agekit_bench.report.views import SuiteView
from agekit_bench.stats.intervals import Spread, spread

__all__ = ["TITLE", "render_page"]


TITLE = "agekit leaderboard"


def render_page(board: Leaderboard, title: str = TITLE) -> str:
    """The page; the same leaderboard gives the same text.

    Labels, notes and file names come from other people's files: all of them are escaped, and the
    page's policy lets no script run but its own.

    Args:
        board: what to show.
        title: of the page.
    """
    own = files(__package__)
    style, script, source = (
        _squeezed(own.joinpath(name).read_text(encoding="utf-8"))
        for name in ("page.css", "page.js", "page.html.j2")
    )
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["capitalize_first"] = _capitalised
    template = environment.from_string(
        source,
        globals={
            "arrow": arrow,
            "count": count,
            "ends": ends,
            "figure": figure,
            "one": _one,
            "seconds": seconds,
            "seeds_of": seeds_of,
            "short": short,
            "signed": signed,
            "spread_text": _spread_text,
            "verdict": verdict,
        },
    )
    text = template.render(
        title=title,
        board=board,
        standings=[SuiteView(b, f"suite-{i}") for i, b in enumerate(board.standings, 1)],
        failures=[(b.name, failure) for b in board.standings for failure in b.failures],
        totals=_totals(board),
        resamples=count(RESAMPLES),
        style=Markup(style),
        style_hash=_hash(style),
        script=Markup(script),
        script_hash=_hash(script),
    )
    return _squeezed(text) + "\n"


def _squeezed(text: str) -> str:
    """Without empty lines and blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())


def _hash(text: str) -> str:
    """What a content security policy calls a text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _one(value: float | None) -> Spread | None:
    return None if value is None else spread([value])


def _spread_text(value: Spread, decimals: int) -> str:
    text = f"{value.mean:.{decimals}f}"
    return text if value.std is None else f"{text} ± {value.std:.{decimals}f}"


def _capitalised(text: Any) -> str:
    return str(text)[:1].upper() + str(text)[1:]


def _totals(board: Leaderboard) -> str:
    rows = sum(len(table.rows) for b in board.standings for table in b.tables)
    runs = {
        run.href for b in board.standings for t in b.tables for row in t.rows for run in row.runs
    }
    if not rows:
        return "no results yet"
    return f"{rows} rows from {len(runs)} trainings"
