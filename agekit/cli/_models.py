"""What commands that take a model share."""

from __future__ import annotations

from typing import Literal

import click

__all__ = ["MODEL_HELP", "chosen"]

MODEL_HELP = (
    "A zoo name, hf-hub:ORG/REPO[@REVISION], a model folder or a run folder; else the zoo's "
    "default {}."
)


def chosen(task: Literal["estimator", "ager"]) -> str:
    """The zoo's default model for a task; says on stderr which it is.

    Raises:
        ModelError: there is none.
    """
    from agekit.zoo.index.default import default_model

    name = default_model(task)
    click.echo(f"note: the model is {name}; choose another with --model", err=True)
    return name
