"""The commands that plugins add to `agekit`, found by their metadata and imported when called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import click

from agekit.cli._lazy import LazyGroup
from agekit.cli.output import printable
from agekit.discovery import Entry, distributions, entries
from agekit.errors import UnknownNameError, nearest

__all__ = ["CommandGroup"]


class CommandGroup(LazyGroup):
    """The commands of a table, which nobody can take the place of, and those of plugins.

    A plugin's command is called by its name, or where the table or another plugin has that name by
    `distribution:name`.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The table's in its order, then those of plugins, sorted."""
        return [*super().list_commands(ctx), *self._of_plugins()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command called `cmd_name`; None where nothing has that name.

        Raises:
            PluginError: a plugin's command cannot be used, or two give the name.
        """
        if cmd_name in self.table:
            return super().get_command(ctx, cmd_name)
        from agekit.registry import COMMANDS

        try:
            command: click.Command = COMMANDS.get(cmd_name)
        except UnknownNameError:
            if any(one.disabled and cmd_name in one.parts["command"] for one in distributions()):
                raise
            return None
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; the traceback of a plugin's says whose it is."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            name = ctx.invoked_subcommand
            if name is not None and name not in self.table:
                from agekit.registry import COMMANDS

                entry = COMMANDS.find(name)
                error.add_note(f"in the command {name!r} of {entry.distribution} {entry.version}")
            raise

    def missing(self, name: str) -> str:
        """What is said of a name that is no command."""
        told = f"no command {name!r}{nearest(name, [*self.table, *self._of_plugins()])}"
        return f"{told} (plugins may give more: see `agekit plugins list`)"

    def descriptions(self) -> Mapping[str, str]:
        """The table's lines, then what the sources of plugins' commands say of them."""
        from agekit.signature import describe

        summaries = {one.name: one.summary for one in distributions()}
        plugins = {
            name: printable(describe(entry) or summaries.get(entry.distribution, ""))
            for name, entry in self._of_plugins().items()
        }
        return {**super().descriptions(), **plugins}

    def _of_plugins(self) -> dict[str, Entry]:
        found = entries("command")
        given = Counter([*self.table, *(entry.name for entry in found)])
        return {
            printable(e.name if given[e.name] == 1 else f"{e.distribution}:{e.name}"): e
            for e in found
        }
