"""A click group whose commands are imported when they are called, not when they are listed."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agekit.errors import nearest

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["LazyCommand", "LazyGroup"]


class LazyCommand(NamedTuple):
    """Where a command lives, and the line `--help` shows for it.

    Args:
        module: the module to import.
        attribute: the click command in it.
        help: one line.
    """

    module: str
    attribute: str
    help: str


class LazyGroup(click.Group):
    """A group of commands known by a table.

    Args:
        table: command name → where it lives, in the order of `--help`.
        **attributes: what `click.Group` takes.
    """

    def __init__(self, table: Mapping[str, LazyCommand], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the table, in its order."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command called `cmd_name`; None if the table lacks it."""
        if cmd_name not in self.table:
            return None
        module, attribute, _ = self.table[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Finds the command that `args` start with; an unknown one is answered with the nearest."""
        name = args[0]
        if name.startswith("-"):
            return super().resolve_command(ctx, args)
        command = self.get_command(ctx, name)
        if command is None:
            ctx.fail(self.missing(name))
        return name, command, args[1:]

    def missing(self, name: str) -> str:
        """What is said of a name that is no command."""
        return f"no command {name!r}{nearest(name, self.table)}"

    def descriptions(self) -> Mapping[str, str]:
        """The line that `--help` shows for each command."""
        return {name: command.help for name, command in self.table.items()}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the help lines, importing no command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.descriptions().items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that begin so; imports no command."""
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=line)
            for name, line in self.descriptions().items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)
