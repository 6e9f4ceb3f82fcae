"""`agekit data`: the commands about datasets, each imported when it is called."""

from __future__ import annotations

from agekit.cli._lazy import LazyCommand, LazyGroup

__all__ = ["data"]

_COMMANDS = {
    "list": LazyCommand("agekit.cli.data_list", "list_", "List the datasets."),
    "info": LazyCommand(
        "agekit.cli.data_list", "info", "Licence, source, layout and protocols of one."
    ),
    "check": LazyCommand(
        "agekit.cli.data_check", "check", "Count, split and look for what is wrong."
    ),
    "prepare": LazyCommand("agekit.cli.data_prepare", "prepare", "Cut photos into face chips."),
    "pack": LazyCommand("agekit.cli.data_pack", "pack", "Pack into Parquet shards."),
}

data = LazyGroup(
    _COMMANDS, name="data", help="List, describe, check, prepare and pack the datasets."
)
