"""``agekit zoo``: the commands about models that have names, each imported when it is called."""

from __future__ import annotations

from agekit.cli._lazy import LazyCommand, LazyGroup

__all__ = ["zoo"]

_COMMANDS = {
    "list": LazyCommand("agekit.cli.zoo_list", "list_", "List the models."),
    "info": LazyCommand("agekit.cli.zoo_info", "info", "What is known of one."),
    "pull": LazyCommand("agekit.cli.zoo_pull", "pull", "Fetch models from the Hub."),
    "push": LazyCommand("agekit.cli.zoo_push", "push", "Publish a model on the Hub."),
    "verify": LazyCommand("agekit.cli.zoo_verify", "verify", "Check models' files and outputs."),
    "add": LazyCommand("agekit.cli.zoo_add", "add", "Write a model and its entry for an index."),
}

zoo = LazyGroup(_COMMANDS, name="zoo", help="List, fetch, check and publish models.")
