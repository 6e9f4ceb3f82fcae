"""``agekit bench submit``."""

from __future__ import annotations

from pathlib import Path

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json

__all__ = ["submit"]


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmarks/results"),
    show_default=True,
    help="The folder of the results of all suites.",
)
@click.option("--dry-run", is_flag=True, help="Check, and add nothing.")
@json_option
def submit(files: tuple[Path, ...], into: Path, dry_run: bool, as_json: bool) -> None:
    """Check result files, and add them to the results of the leaderboard.

    FILEs are seed-N.json; the per-face estimates lie beside them. The figures are computed again
    from these, the split and the faces compared with those of the results that are there. Nothing
    is added unless every file is accepted, and can be written. Then the text of the pull request is
    printed.
    """
    from agekit.errors import DataError
    from agekit_bench.pull_request import pull_request
    from agekit_bench.submit import add, check, known_results

    known = known_results(into)
    verdicts = [check(path, into, known) for path in files]
    targets = [verdict.target for verdict in verdicts if verdict.target is not None]
    if twice := sorted({str(target) for target in targets if targets.count(target) > 1}):
        raise DataError(f"two of the files are the same cell, {twice[0]}", "leave one out")
    refused = [verdict for verdict in verdicts if verdict.reasons]
    if not refused and not dry_run:
        add(verdicts)
    if as_json:
        emit_json(
            [
                {
                    "path": verdict.path,
                    "accepted": not verdict.reasons,
                    "target": verdict.target,
                    "added": not refused and not dry_run,
                    "reasons": verdict.reasons,
                    "remarks": verdict.remarks,
                }
                for verdict in verdicts
            ]
        )
    for verdict in verdicts:
        for remark in verdict.remarks:
            click.echo(f"look at {verdict.path}: {remark}", err=True)
        if not as_json and not refused:
            click.echo(
                f"{verdict.path}: {'would go to' if dry_run else 'added as'} {verdict.target}"
            )
    if not refused and not as_json:
        click.echo(f"\nThe text of the pull request:\n\n{pull_request(verdicts)}")
    if refused:
        lines = [f"{v.path}: {reason}" for v in refused for reason in v.reasons]
        reasons = "".join(f"\n  - {line}" for line in lines)
        raise DataError(
            f"{len(refused)} of {len(verdicts)} result files are refused, nothing was added:"
            f"{reasons}",
            "run the cell again with `agekit bench run`; results are never edited",
        )
