"""``agekit zoo pull``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agekit.cli.options import json_option
from agekit.cli.output import console, emit_json, only_json_on_stdout, print_table
from agekit.errors import AgekitError, ModelError
from agekit.progress import transfers
from agekit.zoo.files import CARD, CONFIG, METRICS, WEIGHTS, copy_files
from agekit.zoo.hub import pull as hub
from agekit.zoo.locate import find
from agekit.zoo.names import HUB_PREFIX, is_pinned, parse_hub_name

if TYPE_CHECKING:
    from agekit.zoo.entry import FileRecord

__all__ = ["pull"]


class _Source(NamedTuple):
    """A model's place on the Hub, and what its files must be; or its folder here."""

    repo: str = ""
    revision: str | None = None
    files: Mapping[str, FileRecord] | None = None
    folder: Path | None = None


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--revision", help="A commit, a tag or a branch other than the index's.")
@click.option(
    "--local-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Put plain copies of the files into this folder.",
)
@click.option("--dry-run", is_flag=True, help="Tell what would be fetched, and fetch nothing.")
@click.option("--force", is_flag=True, help="Fetch files that are here too; replace others.")
@json_option
def pull(
    names: tuple[str, ...],
    revision: str | None,
    local_dir: Path | None,
    dry_run: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Fetch models from the Hub, check their files, and print the folders they are in.

    NAME is a name of `agekit zoo list`, or hf-hub:ORG/REPO[@REVISION]. Only the files of the model
    are fetched, each is checked against its SHA-256, and what is here already is not fetched again;
    such models work without a network.
    """
    if len(names) > 1 and (revision is not None or local_dir is not None):
        raise click.UsageError("--revision and --local-dir are for one NAME.")
    rows: list[dict[str, Any]] = []
    with only_json_on_stdout(as_json):
        for name in names:
            try:
                row = _pull(name, revision, local_dir, dry_run, force)
            except AgekitError as error:
                if len(names) == 1 and not as_json:
                    raise
                row = _row(name, None) | {"error": error.message}
                click.echo(f"error: {error}", err=True)
            rows.append(row)
            if not as_json and not dry_run and row["error"] is None:
                click.echo(row["folder"])
    if as_json:
        emit_json(rows)
    elif dry_run:
        _print_plan(rows)
    if any(row["error"] is not None for row in rows):
        raise click.exceptions.Exit(1)


def _pull(
    name: str, revision: str | None, local_dir: Path | None, dry_run: bool, force: bool
) -> dict[str, Any]:
    source = _source(name, revision)
    if source.folder is not None:
        return _row(name, _copied(source, local_dir, dry_run, force))

    if dry_run:
        found = hub.plan_pull(source.repo, source.revision, source.files)
    else:
        with transfers(console()) as bars:
            found = hub.pull(
                source.repo,
                source.revision,
                source.files,
                local_dir=local_dir,
                force=force,
                progress=bars,
            )
    row = _row(name, found.folder, found)
    if not is_pinned(source.revision):
        click.echo(
            f"warning: {name} is not pinned to a commit, and what it gives can change; "
            f"pin it: {row['pinned']}",
            err=True,
        )
    return row


def _copied(source: _Source, local_dir: Path | None, dry_run: bool, force: bool) -> Path:
    """The folder of a model that needs no fetching, or of its plain copy."""
    assert source.folder is not None
    if local_dir is None or dry_run:
        return source.folder
    names = [n for n in (CARD, CONFIG, METRICS, WEIGHTS) if (source.folder / n).is_file()]
    copy_files(source.folder, names, local_dir, force)
    return local_dir


def _row(name: str, folder: Path | None, found: hub.Pulled | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "folder": folder,
        "pinned": f"{HUB_PREFIX}{found.repo}@{found.commit}" if found else None,
        "files": [file._asdict() for file in found.files] if found else [],
        "error": None,
    }


def _source(name: str, revision: str | None) -> _Source:
    if name.startswith(HUB_PREFIX):
        repo, own = parse_hub_name(name)
        if own is not None and revision is not None:
            raise click.UsageError(f"{name} has a revision; leave --revision out.")
        return _Source(repo, parse_hub_name(f"{repo}@{revision}").revision if revision else own)
    _, indexed, folder = find(name)
    entry = None if indexed is None else indexed.entry
    if entry is not None and entry.hub_repo is not None:
        if revision in (None, entry.revision):
            return _Source(entry.hub_repo, entry.revision, entry.files)
        return _Source(entry.hub_repo, revision)
    if revision is not None:
        raise click.UsageError(f"{name} is not on the Hub; leave --revision out.")
    if folder is None:
        raise ModelError(
            f"the model {name!r} is not where its entry says", "see `agekit zoo info` of it"
        )
    return _Source(folder=folder)


def _print_plan(rows: list[dict[str, Any]]) -> None:
    lines = [
        (row["name"], file["name"], f"{file['size']:,}", "here" if file["cached"] else "to fetch")
        for row in rows
        for file in row["files"]
    ]
    if lines:
        print_table(["model", "file", "bytes", ""], lines)
    left = sum(file["size"] for row in rows for file in row["files"] if not file["cached"])
    click.echo(f"{left:,} bytes to fetch", err=True)
