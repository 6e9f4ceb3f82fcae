"""``agekit zoo verify``: models against what the index has of their files and outputs."""

from __future__ import annotations

from typing import Any

import click

from agekit.cli.options import json_option
from agekit.cli.output import emit_json, only_json_on_stdout
from agekit.errors import ModelError
from agekit.zoo.index import Index, read_index
from agekit.zoo.locate import FoundModel, find, folder_here

__all__ = ["verify"]


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Verify every model of the index that is here.")
@json_option
def verify(names: tuple[str, ...], every: bool, as_json: bool) -> None:
    """Verify models, with no network.

    NAME is a name of the zoo, or a model or run folder. Sizes and SHA-256 of the files are
    compared with the index, the header of the weights and the configuration are checked, the
    weights' names and shapes compared with the network that the configuration's parts make, and
    the network is run on a fixed input whose output the index has. Exits with 1 if anything is
    wrong, or if a model that was named is not here.
    """
    if bool(names) == every:
        raise click.UsageError("name models, or give --all.")

    index = read_index() if every else Index({}, [])
    models = [find(name) for name in names]
    models += [FoundModel(name, one, folder_here(one)) for name, one in index.models.items()]
    answers = []
    for model in models:
        with only_json_on_stdout(as_json):
            answer = _verify(model)
        answers.append(answer)
        if not as_json:
            _print(answer, every)
    for warning in index.warnings:
        click.echo(f"unusable: {warning}", err=True)
    if as_json:
        emit_json(answers)
    if any(answer["problems"] or (answer["folder"] is None and not every) for answer in answers):
        raise click.exceptions.Exit(1)


def _verify(model: FoundModel) -> dict[str, Any]:
    from agekit.zoo.verify import verify

    name, indexed, folder = model
    problems: list[dict[str, str]] = []
    if folder is not None:
        try:
            entry = None if indexed is None or indexed.path.is_dir() else indexed.entry
            problems = [problem._asdict() for problem in verify(folder, entry)]
        except ModelError as error:
            problems = [{"file": "", "text": error.message}]
    ok = None if folder is None else not problems
    return {"name": name, "ok": ok, "folder": folder, "problems": problems}


def _print(answer: dict[str, Any], every: bool) -> None:
    name = answer["name"]
    if answer["folder"] is None:
        text = "not here" if every else f"not here; `agekit zoo pull {name}` fetches it"
        click.echo(f"{name}: {text}", err=not every)
    elif answer["ok"]:
        click.echo(f"{name}: ok")
    for problem in answer["problems"]:
        where = f"{problem['file']}: " if problem["file"] else ""
        click.echo(f"{name}: {where}{problem['text']}")
