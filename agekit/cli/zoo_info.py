"""``agekit zoo info``: the entry of one model; nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json
from agekit.errors import ModelError
from agekit.zoo.locate import find
from agekit.zoo.requires import install_command, missing

if TYPE_CHECKING:
    from agekit.zoo.entry import ZooEntry

__all__ = ["info"]


@click.command()
@click.argument("name")
@json_option
def info(name: str, as_json: bool) -> None:
    """Tell what is known of NAME, a model of the zoo, or a model or run folder."""
    from agekit.zoo.add import entry_for, entry_of

    _, indexed, folder = find(name)
    if indexed is not None:
        entry = entry_of(indexed)
    elif folder is not None:
        entry = entry_for(folder, f"local:{folder.absolute()}", check=False)
    else:
        raise ModelError(f"{name} is not on this machine", f"`agekit zoo pull {name}` fetches it")
    if as_json:
        more = {
            "bytes": entry.bytes,
            "cached": folder is not None,
            "folder": folder,
            "missing": missing(entry.requires),
            "giver": indexed.provider if indexed else None,
        }
        emit_json(entry.to_json() | more)
        return
    click.echo(click.style(f"{entry.name}: {entry.description}", bold=True))
    data = entry.data
    split = f", split hash {data.split_hash}" if data.split_hash else ""
    metrics = (f"{key} {_number(value)}" for key, value in entry.metrics.items())
    facts = {
        "task": entry.task,
        "backbone": f"{entry.backbone}, {entry.parameters:,} parameters",
        "trained on": f"{data.protocol or data.dataset}{split}",
        f"{data.scored} metrics".strip(): ", ".join(metrics),
        "licence": entry.licence,
        "needs": ", ".join(f"{name} {version}" for name, version in entry.requires.items()),
        "to install": install_command(entry.requires),
        "source": f"{entry.source}@{entry.revision}" if entry.revision else entry.source,
        "given by": indexed.provider if indexed else "",
        "here": folder or _fetch(entry),
    }
    for label, text in facts.items():
        if text:
            click.echo(f"{label:<12}  {text}")
    for file, record in entry.files.items():
        click.echo(f"{'file':<12}  {file}, {record.size:,} bytes, sha256 {record.sha256}")


def _fetch(entry: ZooEntry) -> str:
    if entry.hub_repo is None:
        return "no: it is not where its entry says"
    return f"no: `agekit zoo pull {entry.name}` fetches {entry.bytes / 1e6:.1f} MB"


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
