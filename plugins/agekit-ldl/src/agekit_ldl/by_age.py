"""Arguments that depend on the age: a mapping of ages to values, linear between them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from agekit.errors import ConfigError

__all__ = ["points_by_age"]


def points_by_age(
    given: Mapping[str, float], argument: str, values: str, example: str
) -> list[tuple[float, float]]:
    """The ages and their values, the youngest first.

    Args:
        given: age → value, as a recipe writes it.
        argument: of what, and its name, for errors.
        values: what the values are.
        example: of such a mapping.

    Raises:
        ConfigError: it is no mapping of ages to numbers, or names an age twice.
    """
    try:
        points = sorted((float(age), float(value)) for age, value in given.items())
    except (AttributeError, TypeError, ValueError):
        raise ConfigError(
            f"{argument} must map ages to {values} (got {given!r})", f"such as {example}"
        ) from None
    ages = [age for age, _ in points]
    if not points or not all(map(isfinite, ages)) or len({*ages}) < len(ages):
        raise ConfigError(f"{argument} must name each age once (got {given!r})")
    return points
