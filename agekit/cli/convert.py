"""``agekit convert``: files of other toolkits, each by the plugin that reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from agekit.cli.groups import CommandGroup
from agekit.errors import UnknownNameError

__all__ = ["ConvertGroup", "Converter"]


class Converter(click.Command):
    """A command ``convert.NAME`` that says which files it is for.

    Args:
        reads: whether a file is one of those; is asked of whatever the command line names.
        *arguments: what `click.Command` takes.
        **attributes: the same.
    """

    def __init__(self, *arguments: Any, reads: Callable[[Path], bool], **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.reads = reads


class ConvertGroup(CommandGroup):
    """Converters by name; where none is named, the one whose file is named, else the other."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Puts the converter's name first, if the line does not begin with it."""
        names = self.list_commands(ctx)
        helps = args and args[0] in ctx.help_option_names
        if args and not helps and not names:
            told = "no converter is installed"
            raise UnknownNameError(told, "pip install agekit-cyclegan, or agekit-ssrnet[keras]")
        if args and not helps and (args[0] not in names or Path(args[0]).exists()):
            args = [self._chosen(ctx, names, args), *args]
        return super().parse_args(ctx, args)

    def _chosen(self, ctx: click.Context, names: list[str], args: list[str]) -> str:
        found = {name: self.get_command(ctx, name) for name in names}
        own = {name: one for name, one in found.items() if isinstance(one, Converter)}
        words = [Path(word) for word in args if not word.startswith("-")]
        claiming = [name for name, one in own.items() if any(map(one.reads, words))]
        others = [name for name in names if name not in own]
        return (claiming or others or names)[0]
