"""The two domains an ager learns from: young faces and old ones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agekit.data.table import FaceTable
from agekit.errors import ConfigError, DataError, counted, nearest

__all__ = ["DOMAINS", "GENDERS", "domain_codes", "rows_where"]

DOMAINS = ("young", "old")
GENDERS = ("male", "female")
_GROUPS = ("A", "B")
_FEW = 2


def domain_codes(
    table: FaceTable,
    domains: tuple[tuple[float, float], tuple[float, float]] | None,
    where: Mapping[str, str],
) -> NDArray[np.int8]:
    """Which domain each row belongs to.

    Args:
        table: N rows.
        domains: the ages of the young and of the old, both ends included; None takes the groups
            ``A`` (young) and ``B`` (old) of a dataset that is laid out in two folders.
        where: keeps the rows of one ``gender`` or ``group``.

    Returns:
        (N,) int8: 0 young, 1 old, -1 neither.

    Raises:
        ConfigError: the dataset has no such groups, or what `where` says is none of its values.
        DataError: a domain is left with fewer than two faces.
    """
    if domains is None:
        if not set(_GROUPS) <= set(table.group_names):
            raise ConfigError(
                "the dataset does not say which faces are young and which are old",
                "give the ages of both, such as --domains 20-29,50-69",
            )
        names = list(table.group_names)
        codes = np.full(len(table), -1, np.int8)
        for code, group in enumerate(_GROUPS):
            codes[table.group == names.index(group)] = code
        shown = [f"group {group}" for group in _GROUPS]
    else:
        inside = [(table.age >= low) & (table.age <= high) for low, high in domains]
        if (inside[0] & inside[1]).any():
            raise ConfigError("the two domains share ages", "give ranges that do not overlap")
        codes = np.select(inside, [np.int8(0), np.int8(1)], np.int8(-1))
        shown = [f"ages {low:g}-{high:g}" for low, high in domains]
    codes = np.where(rows_where(table, where), codes, np.int8(-1))
    for code, domain in enumerate(DOMAINS):
        count = int((codes == code).sum())
        if count < _FEW:
            kept = "".join(f", {key}={value}" for key, value in where.items())
            raise DataError(
                f"the {domain} domain ({shown[code]}{kept}) has {counted(count, 'face')}; "
                f"it needs at least {_FEW}",
                "choose other domains, or another dataset",
            )
    return codes.astype(np.int8)


def rows_where(table: FaceTable, where: Mapping[str, str]) -> NDArray[np.bool_]:
    """(N,): the rows of one ``gender`` and one ``group``, where these are asked for.

    Raises:
        ConfigError: what `where` says is none of the dataset's values.
    """
    kept = np.ones(len(table), bool)
    for key, value in where.items():
        kept &= _matches(table, key, value)
    return kept


def _matches(table: FaceTable, key: str, value: str) -> NDArray[np.bool_]:
    names = GENDERS if key == "gender" else table.group_names
    lowered = [name.lower() for name in names]
    if value.lower() not in lowered:
        known = ", ".join(names) or "none"
        raise ConfigError(
            f"no {key} {value!r}{nearest(value, names)}", f"the dataset's are: {known}"
        )
    column = table.gender if key == "gender" else table.group
    out: NDArray[np.bool_] = column == lowered.index(value.lower())
    return out
