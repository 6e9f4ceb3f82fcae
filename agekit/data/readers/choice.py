"""The protocols of the readers for users' own data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agekit.data.protocols import Protocol, by_column, by_content, by_identity
from agekit.data.table import FaceTable

__all__ = ["own_protocols"]


def own_protocols(salt: str) -> dict[str, Protocol]:
    """``auto``, ``column`` and ``seeded-80-10-10``."""
    column = by_column()
    person = by_identity(0.8, 0.1, salt)
    content = by_content(0.8, 0.1, salt)

    def seeded(table: FaceTable) -> NDArray[np.int8]:
        return (person if (table.identity >= 0).any() else content)(table)

    def auto(table: FaceTable) -> NDArray[np.int8]:
        return (column if (table.split >= 0).any() else seeded)(table)

    rules = (
        Protocol("auto", "the split column where there is one, else seeded-80-10-10", auto),
        Protocol("column", "the split column: train, val, test", column),
        Protocol(
            "seeded-80-10-10",
            "80/10/10 by a hash of the identity where known, else of the image's bytes",
            seeded,
        ),
    )
    return {rule.name: rule for rule in rules}
