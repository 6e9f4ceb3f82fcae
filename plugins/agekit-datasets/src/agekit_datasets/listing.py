"""`agekit data list` and `agekit data info`: what the datasets say of themselves."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json, fits, only_json_on_stdout, print_table
from agekit.data.several import must_be_one
from agekit.errors import AgekitError, one_line
from agekit.registry import DATASETS

if TYPE_CHECKING:
    from agekit.discovery import Entry
    from agekit.plugin import Dataset, Protocol

__all__ = ["info", "list_"]

_FEW = 3
_MEMBER = re.compile(r"(.*\D)\d+")


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the datasets that agekit reads.

    A plugin that cannot be imported is told, and the others are listed all the same.
    """
    with only_json_on_stdout(as_json):
        found = [_entry(entry) for entry in DATASETS.entries()]
    if as_json:
        emit_json(found)
        return
    good = [one for one in found if not one["error"]]
    rows = [
        [
            *(one[key] for key in ("name", "title", "images", "protocol")),
            "yes" if one["needs_root"] else "no",
            f"{one['distribution']} {one['version']}",
        ]
        for one in good
    ]
    heads = ["name", "title", "images", "default protocol", "needs --root", "from"]
    if not fits(heads, rows):
        heads, rows = [*heads[:3], "protocol"], [row[:4] for row in rows]
        if free := [one["name"] for one in good if not one["needs_root"]]:
            click.echo(f"note: all need --root but {', '.join(free)}", err=True)
    print_table(heads, rows)
    for one in found:
        if one["error"]:
            click.echo(f"unusable: {one['error']}", err=True)


@click.command()
@click.argument("dataset")
@json_option
def info(dataset: str, as_json: bool) -> None:
    """Tell the licence, source, layout, counts, protocols and citation of DATASET."""
    with only_json_on_stdout(as_json):
        must_be_one(dataset, "agekit data info")
        reader = DATASETS.get(dataset)()
        entry = DATASETS.find(dataset)
    if as_json:
        emit_json(_document(reader, entry))
    else:
        _print(reader, entry)


def _entry(entry: Entry) -> dict[str, Any]:
    """One dataset's line; what is wrong with it stands in `error`."""
    line = {"name": entry.name, "distribution": entry.distribution, "version": entry.version}
    try:
        reader: Dataset = DATASETS.get(f"{entry.distribution}:{entry.name}")()
        return line | {
            "title": reader.title,
            "images": reader.official.get("images"),
            "protocol": reader.default_protocol,
            "needs_root": reader.needs_root,
            "error": None,
        }
    except AgekitError as error:
        reason = error.message
    except Exception as error:
        reason = f"{entry}: {type(error).__name__}: {one_line(error)}"
    nothing = dict.fromkeys(("title", "images", "protocol", "needs_root"))
    return line | nothing | {"error": reason}


def _document(reader: Dataset, entry: Entry) -> dict[str, Any]:
    return {
        "name": reader.name,
        "title": reader.title,
        "distribution": entry.distribution,
        "version": entry.version,
        "licence": reader.licence,
        "source": reader.source,
        "layout": reader.layout,
        "needs_root": reader.needs_root,
        "alignment": reader.alignment.align,
        "official": reader.official,
        "default_protocol": reader.default_protocol,
        "protocols": [
            {
                "name": rule.name,
                "description": rule.description,
                "metrics": rule.metrics,
                "subject_exclusive": rule.subject_exclusive,
                "default": name == reader.default_protocol,
            }
            for name, rule in reader.protocols.items()
        ],
        "citation": reader.citation,
    }


_FACES = {
    "chips": "chips; where the eyes lie in them is measured",
    "five-points": "chips; where the eyes lie in them is known",
    "whole": "in whole photos: cut them out by `agekit data prepare` first",
}


def _print(reader: Dataset, entry: Entry) -> None:
    click.echo(click.style(f"{reader.name}: {reader.title}", bold=True))
    root = "" if reader.needs_root else "nothing: it is made as it is needed"
    counts = ", ".join(f"{count:,} {what}" for what, count in reader.official.items())
    facts = {
        "licence": reader.licence,
        "get it from": reader.source,
        "lay it out": reader.layout or root,
        "officially": counts,
        "faces": _FACES[reader.alignment.align],
        "cite": reader.citation,
        "read by": entry.provider,
    }
    for label, text in facts.items():
        if text:
            click.echo(_paragraph(f"{label:<13}", text))
    click.echo()
    rows = [
        [
            f"{name} *" if name == reader.default_protocol else name,
            rule.description,
            ", ".join(rule.metrics),
            "yes" if rule.subject_exclusive else "no",
        ]
        for name, rule in _folded(reader.protocols.values(), reader.default_protocol)
    ]
    print_table(["protocol", "how it splits", "scored by", "subject-exclusive"], rows)
    click.echo("* the default")


def _paragraph(label: str, text: str) -> str:
    """The text beside its label, folded on a terminal."""
    if not sys.stdout.isatty():
        return label + " ".join(text.split())
    width = max(shutil.get_terminal_size().columns, 40)
    return textwrap.fill(
        " ".join(text.split()), width, initial_indent=label, subsequent_indent=" " * len(label)
    )


def _folded(protocols: Iterable[Protocol], default: str) -> Iterator[tuple[str, Protocol]]:
    """Protocols with their names; a long family ``fold-1``, ``fold-2``, ... is one line."""

    def family(rule: Protocol) -> str:
        member = _MEMBER.fullmatch(rule.name)
        return member[1] if member and rule.name != default else rule.name

    for _, members in groupby(protocols, family):
        rules = list(members)
        if len(rules) <= _FEW:
            yield from ((rule.name, rule) for rule in rules)
        else:
            yield f"{rules[0].name} ... {rules[-1].name} ({len(rules)})", rules[0]
