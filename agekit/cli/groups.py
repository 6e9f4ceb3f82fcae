"""Groups of commands that are imported when they are called, not when they are listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from agekit._loading import OFFICIAL
from agekit.cli.output import printable
from agekit.discovery import Entry, distributions, entries
from agekit.errors import UnknownNameError, nearest
from agekit.registry import COMMANDS
from agekit.signature import describe

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["CommandGroup", "LazyCommand", "LazyGroup"]


class LazyCommand(NamedTuple):
    """The place of a command, and the line `--help` shows for it.

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
        table: command name → where it lives, or a group itself, in the order of `--help`.
        **attributes: what `click.Group` takes.
    """

    def __init__(self, table: Mapping[str, LazyCommand | LazyGroup], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the table, in its order."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command called `cmd_name`; None if the table lacks it."""
        if cmd_name not in self.table:
            return None
        place = self.table[cmd_name]
        if isinstance(place, LazyGroup):
            return place
        command: click.Command = getattr(import_module(place.module), place.attribute)
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
        """The error of a name that is no command."""
        return f"no command {name!r}{nearest(name, self.table)}"

    def descriptions(self) -> Mapping[str, str]:
        """The line that `--help` shows for each command."""
        helps = {name: command.help or "" for name, command in self.table.items()}
        return {name: text.partition("\n\n")[0] for name, text in helps.items()}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the help lines, importing no command."""
        if told := list(self.descriptions().items()):
            with formatter.section("Commands"):
                formatter.write_dl(told)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands and options that begin so; imports no command."""
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=line)
            for name, line in self.descriptions().items()
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)


class CommandGroup(LazyGroup):
    """The commands of a table, which nobody can take the place of, and those of plugins.

    A plugin's command is called by its name, or where the table or another plugin has that name by
    `distribution:name`. Within a group it is the part behind the dot: ``data.pack`` is
    ``agekit data pack``.

    Args:
        table: see `LazyGroup`.
        within: the name of the group, with a dot behind it; "" of `agekit` itself.
        **attributes: what `click.Group` takes.
    """

    def __init__(
        self,
        table: Mapping[str, LazyCommand | LazyGroup],
        *,
        within: str = "",
        **attributes: Any,
    ) -> None:
        super().__init__(table, **attributes)
        self.within = within

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The table's in its order, then those of plugins, sorted."""
        return [*super().list_commands(ctx), *self._of_plugins()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command called `cmd_name`; None where nothing has that name.

        Raises:
            PluginError: a plugin's command cannot be used, or two give the name.
        """
        if cmd_name in self.table or "." in cmd_name:
            return super().get_command(ctx, cmd_name)
        full = self.full_name(cmd_name)
        try:
            command: click.Command = COMMANDS.get(full)
        except UnknownNameError:
            if any(one.disabled and full in one.parts["command"] for one in distributions()):
                raise
            if giver := OFFICIAL.get(("command", full)):
                told = f"the command `{ctx.command_path} {cmd_name}` is not installed"
                raise UnknownNameError(told, f"pip install {giver}") from None
            return None
        return command

    def full_name(self, name: str) -> str:
        """The registry name of what is called so here, with the distribution if that is named."""
        giver, colon, bare = name.rpartition(":")
        return f"{giver}{colon}{self.within}{bare}"

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; the traceback of a plugin's says whose it is."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            name = ctx.invoked_subcommand
            if name is not None and name not in self.table:
                entry = COMMANDS.find(self.full_name(name))
                error.add_note(f"in the {entry}")
            raise

    def missing(self, name: str) -> str:
        """The error of a name that is no command."""
        told = f"no command {name!r}{nearest(name, [*self.table, *self._of_plugins()])}"
        return f"{told} (plugins may give more: see `agekit plugins list`)"

    def descriptions(self) -> Mapping[str, str]:
        """The table's lines, then what the sources of plugins' commands say of them."""
        summaries = {one.name: one.summary for one in distributions()}
        plugins = {
            name: printable(describe(entry) or summaries.get(entry.distribution, ""))
            for name, entry in self._of_plugins().items()
        }
        return {**super().descriptions(), **plugins}

    def _of_plugins(self) -> dict[str, Entry]:
        found = [
            (entry.name.removeprefix(self.within), entry)
            for entry in entries("command")
            if entry.name.startswith(self.within)
        ]
        found = [(name, entry) for name, entry in found if "." not in name]
        given = Counter([*self.table, *(name for name, _ in found)])
        return {
            printable(name if given[name] == 1 else f"{entry.distribution}:{name}"): entry
            for name, entry in found
        }
