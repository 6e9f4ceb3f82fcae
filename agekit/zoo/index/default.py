"""The model that is used where none was named."""

from __future__ import annotations

from agekit.errors import ModelError
from agekit.zoo.index.entries import places, read_index

__all__ = ["default_model"]


def default_model(task: str) -> str:
    """The name of the zoo's default for a task: a user's own before the package's.

    Raises:
        ModelError: no entry says that it is one.
    """
    order = [place.giver for place in places()]
    found = [m for m in read_index().listings.values() if m.default and m.task == task]
    if not found:
        raise ModelError(
            f"the zoo has no default {task}", "name a model with --model; see `agekit zoo list`"
        )
    return min(found, key=lambda listing: order.index(listing.giver)).name
