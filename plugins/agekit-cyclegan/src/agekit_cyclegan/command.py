"""``agekit convert``: agers from and to the checkpoints of CycleGAN's reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from agekit.cli.options import FloatRange, json_option, refuse
from agekit.cli.output import emit_json, only_json_on_stdout
from agekit.errors import counted
from agekit.plugin import is_model

__all__ = ["convert"]


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The folder for the result."
)
@click.option(
    "--to",
    type=click.Choice(["agekit", "reference"]),
    help="Into what; else checkpoints into a model folder, and an ager into checkpoints.",
)
@click.option("--name", help="Of the model; else that of the first SOURCE.")
@click.option(
    "--size",
    type=click.IntRange(16, 1024),
    default=256,
    show_default=True,
    help="Side of the face chips the generators take, in pixels.",
)
@click.option(
    "--margin",
    type=FloatRange(-0.5, 4, min_open=True),
    help="The faces it was trained on were aligned, with this share of the frame's side around "
    "them; else chips are taken as they are.",
)
@click.option(
    "--both-from-one",
    is_flag=True,
    help="Use the only generator of SOURCE for both directions.",
)
@click.option(
    "--evolver",
    metavar="NAME",
    help="Whose checkpoints they are: the plugin that reads them; else the only one that does.",
)
@json_option
def convert(
    sources: tuple[str, ...], out: Path, to: str | None, as_json: bool, **options: Any
) -> None:
    """Convert an ager from and to the checkpoints of CycleGAN's reference implementation.

    SOURCE is a folder with *_net_G_A.pth (to old) and *_net_G_B.pth (to young), or two files of
    one generator each, the one to old first; a model folder is made of them. Or SOURCE is an ager,
    a model or run folder: its generators are written as latest_net_G_A.pth and
    latest_net_G_B.pth. Only tensors are ever read and written.
    """
    if len(sources) > 2:
        raise click.UsageError("name one SOURCE, or two files: the one to old, the one to young.")

    from agekit_cyclegan.convert import export_ager, import_ager

    exports = is_model(sources[0]) if to is None else to == "reference"
    if exports and len(sources) > 1:
        raise click.UsageError("name one ager.")
    if exports:
        refuse("an ager is written to checkpoints as it is", *options)
    if len(sources) > 1:
        refuse("two SOURCEs are a generator for each direction", "both_from_one")
    answer: dict[str, Any] = {"sources": sources, "output": out}
    with only_json_on_stdout(as_json):
        if exports:
            answer |= {"to": "reference", "files": export_ager(sources[0], out)}
            text = " ".join(map(click.format_filename, answer["files"]))
        else:
            config = import_ager([Path(source) for source in sources], out, **options)
            generator = config.generator.model_dump()
            answer |= {"to": "agekit", "name": config.name, "generator": generator}
            answer |= {"size": config.image.size, "parameters": config.parameters}
            text = f"{click.format_filename(out)}: two {config.generator.type}"
            text += f", {counted(config.parameters, 'parameter')}"
    if as_json:
        emit_json(answer)
    else:
        click.echo(f"{' '.join(map(click.format_filename, sources))} -> {text}")
