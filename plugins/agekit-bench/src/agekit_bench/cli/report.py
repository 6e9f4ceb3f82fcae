"""``agekit bench report``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from agekit.cli.options import json_option, out_option
from agekit.cli.output import emit_json

__all__ = ["report"]

_RESULTS = Path("bench")


@click.command()
@click.argument("results", nargs=-1, type=click.Path(path_type=Path), metavar="[RESULTS]...")
@click.option(
    "--suite",
    metavar="NAME",
    help="Only its results, and the paper's table behind it. A YAML file is taken in place of the "
    "copy that was kept with the results.",
)
@click.option("--baseline", metavar="LABEL", help="The row that the others are compared with.")
@out_option
@json_option
def report(
    results: tuple[Path, ...],
    suite: str | None,
    baseline: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make the leaderboard: leaderboard.md and index.html.

    RESULTS are folders of result files, by default bench. The page is written into the first of
    them, or into --out; the same results give the same bytes. A speed.json beside the results, as
    `agekit bench speed --out` writes it, gives the speeds.
    """
    from agekit.atomic import write_text
    from agekit.errors import ConfigError, DataError, counted
    from agekit_bench.catalog import ENDINGS, load_suite
    from agekit_bench.report.build import gather, make_leaderboard
    from agekit_bench.report.html import render_page
    from agekit_bench.report.markdown import render_markdown
    from agekit_bench.result_files import read_speeds

    folders = results or ((_RESULTS,) if _RESULTS.is_dir() else ())
    target = out or (folders[0] if folders and folders[0].is_dir() else _RESULTS)
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file, and the page is of two", "name a folder with --out")
    file = load_suite(suite) if suite and suite.endswith(ENDINGS) else None
    name = file.name if file else _name_of(suite)
    remarks: list[str] = []
    found = gather(folders, name, remarks)
    if folders and not found and (results or name):
        of = f" of the suite {name!r}" if name else ""
        there = sorted({result.suite for result in gather(folders).values()}) if name else []
        remarks += [f"there are some of {', '.join(there)}"] if there else []
        raise DataError(
            f"there are no results{of} below {', '.join(map(str, folders))}",
            "; ".join(remarks[-3:]) or "run a suite with `agekit bench run`",
        )
    speeds = read_speeds(folders, remarks)
    board = make_leaderboard(
        found, target, suite=file or name, baseline=baseline, speeds=speeds, remarks=remarks
    )
    if name and not board.standings and not board.printed:
        raise ConfigError(
            f"no results are of a suite {name!r}, and no paper's table is behind it",
            "see `agekit bench list`",
        )
    page, text = target / "index.html", target / "leaderboard.md"
    pages = {text: render_markdown(board), page: render_page(board)}
    for path, content in pages.items():
        write_text(path, content)
    for remark in board.remarks:
        click.echo("left out: " + "".join(c if c.isprintable() else "?" for c in remark), err=True)
    if as_json:
        emit_json({"page": page, "markdown": text, "results": len(found), "leaderboard": board})
    else:
        click.echo(f"{counted(len(found), 'result')}: {page} and {text}")


def _name_of(suite: str | None) -> str | None:
    """The name that results have for a suite, whose file may be called otherwise."""
    from agekit.errors import ConfigError
    from agekit_bench.catalog import find_suites, load_suite

    if suite in find_suites():
        with suppress(ConfigError):  # results know it by its name all the same
            return load_suite(suite).name
    return suite
