"""``agekit recipe show|copy``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from agekit.atomic import write_text
from agekit.cli.options import json_option, set_option
from agekit.cli.output import emit_json
from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.recipe.schema import DEFAULT_KIND
from agekit.recipe_names import resolve_recipe_name
from agekit.registry import RECIPES, TASKS

__all__ = ["recipe"]


@click.group()
def recipe() -> None:
    """Show or copy a recipe."""


@recipe.command()
@click.argument("name")
@click.option("--preset", metavar="NAME", help="With this preset applied, and every default shown.")
@set_option
@json_option
def show(name: str, preset: str | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Print a recipe.

    A method alone (cen) prints its file; with a backbone (cen-resnet18) or a preset or an override,
    the recipe as it would run, every default filled in.
    """
    bare = name in RECIPES.spellings() and preset is None and not settings
    if bare:
        if as_json:
            emit_json(RECIPES.get(name))
        else:
            click.echo(RECIPES.path(name).read_text(encoding="utf-8"), nl=False)
        return
    resolved = resolve(name, preset=preset, overrides=settings)
    if as_json:
        emit_json(resolved.recipe.model_dump())
    else:
        click.echo(resolved.to_yaml(), nl=False)


@recipe.command()
@click.argument("name")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def copy(name: str, path: Path) -> None:
    """Copy a recipe to PATH (a .yaml file), to edit and train from.

    The copy of cen-resnet18 names its backbone; that of cen leaves it for you to add.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise click.UsageError(f"PATH must end in .yaml: {path}")
    if path.exists():
        raise ConfigError(f"{path} exists already", "choose another name")
    method, chosen = resolve_recipe_name(name)
    text = RECIPES.path(method).read_text(encoding="utf-8")
    whole = {key: value for _, data in RECIPES.chain(method)[::-1] for key, value in data.items()}
    part = TASKS.get(whole.get("kind", DEFAULT_KIND)).recipe.open_part
    if chosen is not None:
        text = re.sub(rf"^{part}:.*\n(?:[ \t]+.*\n)*", "", text, flags=re.MULTILINE)
        text = f"{text.rstrip()}\n{part}: {{type: {chosen}}}\n"
    write_text(path, text)
    hint = "" if chosen or part in whole else f"; add a {part}: {{type: ...}} to it"
    click.echo(f"wrote {path}{hint}. Train it with: agekit train {path} DATASET")
