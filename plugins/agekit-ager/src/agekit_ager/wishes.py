"""What is asked of an ager: a direction, an age, or years more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from agekit.errors import ConfigError
from agekit_ager.image import DIRECTIONS, YEARS, Direction

__all__ = ["Target", "check_ending", "check_years", "parse_to", "targets"]

OLDEST = 120


@dataclass(frozen=True)
class Target:
    """What one result is to be.

    Attributes:
        direction: of an ager by direction.
        age: of one by age, years.
        by: instead, how many years more than a face has.
    """

    direction: Direction | None = None
    age: float | None = None
    by: float | None = None

    def years(self, now: float) -> float:
        """The wanted age of a face of that age."""
        return max(now + self.by, 0.0) if self.by is not None else self.age or 0.0

    @property
    def label(self) -> str:
        """In the names of results, such as ``old``, ``65`` and ``+20``."""
        if self.direction is not None:
            return self.direction
        return f"{self.by:+g}" if self.by is not None else f"{self.age:g}"


def targets(
    name: str,
    ages: tuple[float, float] | None,
    to: str | float | Sequence[float] | None,
    by: float | None,
) -> tuple[list[Target], list[str]]:
    """What is asked of an ager, one for each result, and what people should know of it.

    Args:
        name: of the model.
        ages: the first and the last that it was trained on; None of one by direction.
        to: ``old``, as None, or ``young``, an age, or several.
        by: years more, or less; with `to` None.

    Raises:
        ConfigError: the model does not do that.
    """
    if by is not None and to is not None:
        raise ConfigError("to and by do not go together", "give one of them")
    if isinstance(to, str) and to not in DIRECTIONS:
        raise ConfigError(f"to={to!r} is neither 'old' nor 'young', nor an age")
    if ages is None:
        if by is not None or not isinstance(to, str | None):
            raise ConfigError(
                f"{name} knows no ages: it makes young faces old, and old ones young",
                "use --to old or --to young; or, for an age, a model that goes by age: "
                "`agekit train prototypes DATASET` makes one, --model RUN takes it",
            )
        return [Target(to or "old")], []
    if by is not None:
        return [Target(by=by)], []
    to = "old" if to is None else to
    if isinstance(to, str):
        years = min(max(YEARS[to], ages[0]), ages[1])
        return [Target(age=years)], [f"{to} is {years:g} years, as {name} goes by age"]
    asked = [to] if isinstance(to, int | float) else list(to)
    beyond = [f"{age:g}" for age in asked if not ages[0] <= age <= ages[1]]
    first, last = ages
    told = f"{name} was trained on ages {first:g} to {last:g}: {', '.join(beyond)} lies beyond"
    return [Target(age=float(age)) for age in asked], [told] if beyond else []


def parse_to(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | list[float] | None:
    """What ``--to`` says: a direction, or ages."""
    if value is None or value in DIRECTIONS:
        return value
    try:
        ages = [float(part) for part in value.split(",")]
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not one of 'old' and 'young', nor an age such as 65, nor several: 10,30."
        ) from None
    if not all(0 <= age <= OLDEST for age in ages):
        raise click.BadParameter(f"{value!r}: ages are from 0 to {OLDEST} years.")
    if len(set(ages)) < len(ages):
        raise click.BadParameter(f"{value!r} names an age twice.")
    return ages


def check_ending(
    context: click.Context, parameter: click.Parameter, value: Path | None
) -> Path | None:
    """The file of ``--gif`` and ``--mp4``, which ends so, in a folder or where one can be made."""
    ending = f".{parameter.name}"
    if value is not None and value.suffix.lower() != ending:
        raise click.BadParameter(f"{value} does not end in {ending}.")
    if value is not None and value.is_dir():
        raise click.BadParameter(f"{value} is a folder.")
    return value


def check_years(
    context: click.Context, parameter: click.Parameter, value: float | None
) -> float | None:
    """What ``--by`` says, where a person may become so much older, or younger."""
    if value is not None and not abs(value) <= OLDEST:
        raise click.BadParameter(f"{value:g} is not from -{OLDEST} to {OLDEST} years.")
    return value
