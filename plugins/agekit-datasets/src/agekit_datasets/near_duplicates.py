"""Splits that keep nearly identical pictures together, by lists that come with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from agekit.plugin import Assign, by_group

__all__ = ["by_listed_group"]


def by_listed_group(dataset: str, train: float, val: float) -> Assign:
    """Splits by a hash of the group of near-duplicates, or of the content of a picture of none.

    The list, ``lists/{dataset}.txt``, has the names of a group's pictures in each line,
    without their endings. It was made by ``benchmarks/near_duplicates.py`` from the part of the
    dataset that its first line tells.

    Args:
        dataset: its registry name, which also is the salt of the hash.
        train: share of the groups to train on.
        val: share to validate on; the rest is the test.
    """

    @cache
    def groups() -> dict[str, str]:
        text = (files(__package__) / "lists" / f"{dataset}.txt").read_text("utf-8")
        lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
        return {name: line[0] for line in lines for name in line}

    return by_group(groups, train, val, dataset)
