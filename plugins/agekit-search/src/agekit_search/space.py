"""The space of a search: which values of a recipe are tried, and in which bounds."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agekit.errors import ConfigError
from agekit.recipe import Resolved
from agekit.recipe.merge import parse_value

if TYPE_CHECKING:
    from optuna.trial import Trial

__all__ = ["Choice", "Range", "Space", "check_space", "default_space", "own_value", "short_names"]

_DIGITS = 3
"""Of the values that are tried, so that the line that is told is what was tried."""
_AROUND = 10
"""Times the recipe's rate, and a part of it, are the bounds of the rates tried without others."""
_DECAYS = (0, 1e-5, 1e-4, 1e-3, 1e-2)
"""Weight decays that are tried where the recipe has none."""
_CROPS = (0.5, 0.95)
"""Bounds of the least share of an image that a random crop shows."""


@dataclass(frozen=True)
class Range:
    """Numbers between two bounds.

    Attributes:
        key: of the recipe, such as ``train.optimizer.lr``.
        low: the least.
        high: the greatest.
        log: drawn evenly by their logarithm.
        whole: whole numbers alone.
    """

    key: str
    low: float
    high: float
    log: bool = False
    whole: bool = False

    option = "--set-range"

    @classmethod
    def parse(cls, text: str) -> Range:
        """``KEY=LOW..HIGH``, or with ``:log`` behind it.

        Raises:
            ValueError: it is not of that form, or holds no number.
        """
        key, value = _parted(text)
        value, _, scale = value.partition(":")
        low, dots, high = value.partition("..")
        if not dots or scale not in ("", "log"):
            raise ValueError(f"{text!r} is not of the form KEY=LOW..HIGH or KEY=LOW..HIGH:log")
        try:
            least, most = float(low), float(high)
        except ValueError:
            raise ValueError(f"{text!r}: {low!r} and {high!r} are not two numbers") from None
        if not -math.inf < least < most < math.inf:
            raise ValueError(f"{text!r}: the first number is to be below the second")
        if scale and least <= 0:
            raise ValueError(f"{text!r}: a range by logarithms is above 0")
        return cls(key, least, most, bool(scale), all(_is_whole(part) for part in (low, high)))

    @property
    def ends(self) -> list[str]:
        """The values that are checked before a search: its bounds."""
        return [self._text(self.low), self._text(self.high)]

    def holds(self, own: Any) -> bool:
        """Whether a recipe's own value may be drawn."""
        is_number = isinstance(own, int | float) and not isinstance(own, bool)
        return is_number and self.low <= own <= self.high

    def stored(self, own: Any) -> Any:
        """A recipe's own value as a trial holds it."""
        return int(own) if self.whole else float(own)

    def draw(self, trial: Trial) -> str:
        """A value as ``--set`` takes it."""
        if self.whole:
            low, high = int(self.low), int(self.high)
            return str(trial.suggest_int(self.key, low, high, log=self.log))
        drawn = trial.suggest_float(self.key, self.low, self.high, log=self.log)
        return self._text(min(max(float(f"{drawn:.{_DIGITS}g}"), self.low), self.high))

    def _text(self, value: float) -> str:
        return str(int(value)) if self.whole else f"{value:.12g}"

    def __str__(self) -> str:
        low, high = self.ends
        return f"{self.key}={low}..{high}{':log' if self.log else ''}"


@dataclass(frozen=True)
class Choice:
    """Values of which one is taken.

    Attributes:
        key: of the recipe.
        values: JSON texts.
    """

    key: str
    values: tuple[str, ...]

    option = "--choice"

    @classmethod
    def parse(cls, text: str) -> Choice:
        """``KEY=A,B,...``, each as ``--set`` takes it; commas in brackets part nothing.

        Raises:
            ValueError: it is not of that form, or has fewer than two values, or one twice.
        """
        key, value = _parted(text)
        try:
            values = parse_value(f"[{value}]")
        except ValueError:
            values = []
        texts = tuple(json.dumps(parse_value(v) if isinstance(v, str) else v) for v in values)
        if len(texts) < 2 or len(set(texts)) < len(texts):
            raise ValueError(f"{text!r} is not of the form KEY=A,B,... with values that differ")
        return cls(key, texts)

    @property
    def ends(self) -> list[str]:
        """The values that are checked before a search: all."""
        return [*self.values]

    def holds(self, own: Any) -> bool:
        """Whether a recipe's own value is one of them."""
        return any(json.loads(value) == own for value in self.values)

    def stored(self, own: Any) -> Any:
        """A recipe's own value as a trial holds it."""
        return next(value for value in self.values if json.loads(value) == own)

    def draw(self, trial: Trial) -> str:
        """A value as ``--set`` takes it."""
        return str(trial.suggest_categorical(self.key, self.values))

    def __str__(self) -> str:
        return f"{self.key}={','.join(self.values)}"


Space = Sequence[Range | Choice]
"""What is searched, each of its own key."""


def default_space(recipe: Mapping[str, Any]) -> Space:
    """What is searched where nobody says it: rate, weight decay, strength of the random crops.

    Args:
        recipe: plain data.
    """
    space: list[Range | Choice] = []
    for key in ("train.optimizer.lr", "train.optimizer.weight_decay"):
        if own := own_value(recipe, key):
            space.append(Range(key, own / _AROUND, own * _AROUND, log=True))
    if own_value(recipe, key) == 0:
        space.append(Choice(key, tuple(map(json.dumps, _DECAYS))))
    key = "data.augment.crop_scale"
    scale = own_value(recipe, key)
    if scale is not None:
        low, high = min(_CROPS[0], scale[0]), min(max(_CROPS[1], scale[0]), scale[1])
        space += [Range(f"{key}.0", low, high)] if low < high else []
    return space


def check_space(
    space: Space, resolve: Callable[[Iterable[str]], Resolved], own: Mapping[str, Any]
) -> Space:
    """Checks every bound and choice against the recipe, and which ranges are of whole numbers.

    Args:
        space: to be searched.
        resolve: gives the recipe with some ``KEY=VALUE`` in it.
        own: the recipe without, as plain data.

    Raises:
        ConfigError: with every mistake: a key that is not there or comes twice, a value that the
            recipe cannot have.
    """
    counts = Counter(one.key for one in space)
    mistakes = [f"{key} is searched {count} times" for key, count in counts.items() if count > 1]
    checked: list[Range | Choice] = []
    for one in space:
        if isinstance(one, Range) and isinstance(own_value(own, one.key), float):
            one = Range(one.key, one.low, one.high, one.log)
        checked.append(one)
        for text in one.ends:
            try:
                resolve([f"{one.key}={text}"])
            except ConfigError as error:
                mistakes += [line.replace("--set ", f"{one.option} ") for line in error.mistakes]
    if mistakes:
        raise ConfigError(list(dict.fromkeys(mistakes)), "see `agekit recipe show NAME`")
    return checked


def own_value(recipe: Mapping[str, Any], key: str) -> Any:
    """What a recipe has under a key such as ``data.augment.crop_scale.0``; None where nothing."""
    node: Any = recipe
    for part in key.split("."):
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, Mapping):
            node = node.get(part)
        else:
            return None
    return node


def short_names(keys: Collection[str]) -> dict[str, str]:
    """The shortest ending of each key that no other has, for the head of a table."""
    out = {}
    for key in keys:
        parts = key.split(".")
        endings = [".".join(parts[-n:]) for n in range(1, len(parts) + 1)]
        others = [f".{other}" for other in keys if other != key]
        fit = (
            end
            for end in endings
            if not end.partition(".")[0].isdigit()
            and not any(other.endswith(f".{end}") for other in others)
        )
        out[key] = next(fit, key)
    return out


def _parted(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not value or not all(part.strip() for part in key.split(".")):
        raise ValueError(f"{text!r} is not of the form KEY=...")
    return key.strip(), value.strip()


def _is_whole(text: str) -> bool:
    return text.strip().removeprefix("-").isdigit()
