"""From result files to a leaderboard."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from agekit.errors import ConfigError, DataError, nearest
from agekit_bench.catalog import find_snapshot
from agekit_bench.report.model import Failure, Leaderboard, MachineSummary, SuiteReport
from agekit_bench.report.papers import paper_tables
from agekit_bench.report.rows import describe_machine
from agekit_bench.report.tables import suite_tables
from agekit_bench.result import Result
from agekit_bench.result_files import Speeds, read_files
from agekit_bench.suite import Suite

__all__ = ["gather", "make_leaderboard"]


def gather(
    folders: Sequence[Path], suite: str | None = None, remarks: list[str] | None = None
) -> dict[Path, Result]:
    """Reads the results below folders; of what is there twice, the first that is done counts.

    Args:
        folders: each with results of one suite or of several.
        suite: keeps only its results.
        remarks: gets a line for each file that is left out.

    Raises:
        DataError: a folder is not there.
    """
    remarks = [] if remarks is None else remarks
    found: dict[Path, Result] = {}
    seen: dict[tuple[object, ...], Path] = {}
    for folder in folders:
        if not folder.exists():
            raise DataError(f"{folder} is not there", "name a folder of results")
        for path, result in read_files(folder, remarks).items():
            if suite is not None and result.suite != suite:
                continue
            first = seen.setdefault(_identity(result), path)
            if first == path:
                found[path] = result
            elif first.resolve() != path.resolve():
                remarks.append(f"{path} is the same cell as {first}, which counts")
    done = {_cell(result) for result in found.values() if result.status == "done"}
    return {p: r for p, r in found.items() if r.status == "done" or _cell(r) not in done}


def make_leaderboard(
    results: Mapping[Path, Result],
    out: Path,
    *,
    suite: str | Suite | None = None,
    baseline: str | None = None,
    speeds: Speeds | None = None,
    remarks: Iterable[str] = (),
) -> Leaderboard:
    """Makes the tables of every suite, and those of the papers.

    Args:
        results: by their paths.
        out: the folder of the page, from which links start.
        suite: only its printed table; None takes every one. One that is not only named counts in
            place of what is known of it otherwise.
        baseline: the label of a row, in place of the own one of each suite that has it.
        speeds: of inference, where they were measured.
        remarks: of `gather`.

    Raises:
        ConfigError: no row has the label `baseline`.
    """
    notes = list(remarks)
    labels = {result.row for result in results.values()}
    if baseline is not None and baseline not in labels:
        raise ConfigError(
            f"no row is called {baseline!r}{nearest(baseline, labels)}",
            f"the rows are {', '.join(sorted(labels))}",
        )
    speeds = speeds or Speeds()
    hrefs = {path: _href(path, out) for path in results}
    if speeds.path is not None:
        hrefs[speeds.path] = _href(speeds.path, out)
    of_suite: dict[str, dict[Path, Result]] = {}
    for path, result in results.items():
        of_suite.setdefault(result.suite, {})[path] = result
    given = {suite.name: suite} if isinstance(suite, Suite) else {}
    suites = {n: given.get(n) or _suite(n, of_suite[n], notes) for n in sorted(of_suite)}
    only = suite.name if isinstance(suite, Suite) else suite
    standings = []
    for name, known in suites.items():
        own = of_suite[name]
        standings.append(
            SuiteReport(
                name=name,
                description=known.description if known else "",
                source=known.source if known else "",
                tables=suite_tables(own, hrefs, known, baseline, speeds, notes),
                failures=[
                    _failure(r, hrefs[path]) for path, r in own.items() if r.status == "failed"
                ],
            )
        )
    return Leaderboard(
        standings=standings,
        printed=paper_tables(results, hrefs, suites, only),
        makers=_makers(results.values()),
        remarks=[_without(note, out) for note in notes],
    )


def _identity(result: Result) -> tuple[object, ...]:
    return (*_cell(result), result.split_hash, result.status)


def _cell(result: Result) -> tuple[object, ...]:
    return (*result.training, result.seed)


def _suite(name: str, results: Iterable[Path], remarks: list[str]) -> Suite | None:
    """The suite of results; None, and a remark, where it is not to be had."""
    try:
        found = find_snapshot(name, results)
    except ConfigError as error:
        remarks.append(f"the suite {name} is not used: {error.message}")
        return None
    if found is None:
        remarks.append(f"baseline and claims of the suite {name}, which is not known here")
    return found


def _href(path: Path, out: Path) -> str:
    relative = os.path.relpath(path.resolve(), out.resolve())
    return quote(os.fsencode(Path(relative).as_posix()))


def _without(note: str, out: Path) -> str:
    """A remark with paths as they are seen from the page, the same on any machine."""
    base = str(out.resolve().parent) + os.sep
    return note.replace(base, "")


def _failure(result: Result, href: str) -> Failure:
    assert result.error is not None
    return Failure(
        result.row,
        result.recipe_name,
        result.protocol,
        result.seed,
        result.error.kind,
        result.error.message,
        href,
    )


def _makers(results: Iterable[Result]) -> list[MachineSummary]:
    counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for result in results:
        if result.machine is not None:
            versions = tuple(f"{n} {v}" for n, v in sorted(result.machine.versions.items()))
            counts[describe_machine(result.machine), versions] += 1
    return [
        MachineSummary(name, list(versions), n) for (name, versions), n in sorted(counts.items())
    ]
