"""The arguments and options of what trains as `agekit train` does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from agekit.cli.dataset_options import (
    as_chips_option,
    columns_option,
    protocol_option,
    roots_option,
)
from agekit.cli.options import device_option, seed_option, set_option

__all__ = ["training_options"]

_ALL = (
    click.argument("recipe"),
    click.argument("dataset"),
    roots_option,
    columns_option,
    protocol_option,
    as_chips_option,
    click.option("--preset", metavar="NAME", help="One of the recipe's presets, such as quick."),
    click.option("--init", metavar="MODEL", help="Start from the weights of a run or a model."),
    set_option,
    device_option,
    seed_option,
)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the recipe, the dataset, and how they are read and trained."""
    for option in reversed(_ALL):
        command = option(command)
    return command
