"""``agekit zoo publish``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json, only_json_on_stdout, print_table, say
from agekit.errors import counted
from agekit_publish.push_command import benchmark_option

if TYPE_CHECKING:
    from agekit_publish.publication import Publication

__all__ = ["publish"]


@click.command()
@click.argument("org", metavar="ORG")
@click.option(
    "--index",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the entries; zoo-ORG without.",
)
@click.option("--only", multiple=True, metavar="NAME", help="This model alone; repeat for more.")
@click.option("--private", is_flag=True, help="Make new repositories private.")
@click.option(
    "--overwrite",
    is_flag=True,
    help="Replace what differs in repositories and entries that are there already.",
)
@benchmark_option
@click.option("--dry-run", is_flag=True, help="Tell what would be done, and change nothing.")
@json_option
def publish(
    org: str,
    index: Path | None,
    only: tuple[str, ...],
    private: bool,
    overwrite: bool,
    benchmarks: dict[str, str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Publish the whole zoo on the Hub: each model as ORG/NAME, and the index of all.

    Every model of `agekit zoo list` whose files are here is checked, loaded and compared with what
    is on the Hub; where one is refused, nothing is pushed. Then those that are lacking are pushed,
    all are pulled back by commit, size and SHA-256, and their entries are written to the folder of
    the index, which serves as $AGEKIT_ZOO. --benchmark tells the figures of each model that has
    some on that dataset, and says which have none. A call that was cut short wrote no entry: the
    same command goes on. The token is that of `hf auth login`, or $HF_TOKEN.
    """
    from agekit_publish.publish import publish_zoo

    place = index or Path(f"zoo-{org}")
    with only_json_on_stdout(as_json):
        found = publish_zoo(
            org,
            place,
            only=only,
            private=private,
            overwrite=overwrite,
            benchmarks=benchmarks,
            dry_run=dry_run,
        )
    refused = [one for one in found if one.state == "refused"]
    written = [place / f"{one.name}.json" for one in found if one.entry and not refused]
    if as_json:
        models = [
            {key: value for key, value in vars(one).items() if key != "entry"} for one in found
        ]
        emit_json({"org": org, "dry_run": dry_run, "models": models, "entries": written})
    else:
        _tell(found)
    for one in found:
        if one.problem:
            say(f"{one.name}: {one.state}: {one.problem}")
        elif one.licence == "unknown":
            say(
                f"{one.name}: the licence of its weights is unknown; see `agekit zoo add --licence`"
            )
        if lacking := [name for name in benchmarks if name not in one.benchmarks and one.files]:
            say(f"{one.name}: no test figures of {', '.join(lacking)}: it tells none of them")
        if one.others:
            say(f"{one.repo}: other files stay: {', '.join(one.others[:3])}")
    if refused:
        what = "would be refused" if dry_run else "refused; no entry was written"
        say(f"error: {len(refused)} of {counted(len(found), 'model')} {what}")
        raise click.exceptions.Exit(1)
    if dry_run:
        say(f"nothing was pushed; the entries would be written to {click.format_filename(place)}")
    elif written:
        say(f"{counted(len(written), 'entry', 'entries')} in {click.format_filename(place)}")


def _tell(found: Sequence[Publication]) -> None:
    rows = [
        (
            one.name,
            one.repo,
            one.state,
            one.commit,
            len(one.files),
            sum(one.files.values()),
            one.licence,
        )
        for one in found
    ]
    print_table(["model", "repository", "", "commit", "files", "bytes", "licence"], rows)
