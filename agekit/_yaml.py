"""YAML that anybody may have written: read to plain data within bounds, or refused in one line."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml.constructor import ConstructorError

from agekit.errors import ConfigError, one_line

if TYPE_CHECKING:
    from yaml import SafeLoader as _SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

__all__ = ["parse_yaml", "read_yaml"]

_MOST_CHARACTERS = 250_000
_MOST_DEPTH = 50
_MOST_BITS = 64
_MERGE = "tag:yaml.org,2002:merge"
_KINDS = {
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "timestamp": "a date",
}


def read_yaml(path: Path, failure: str) -> Any:
    """Reads a YAML file.

    Args:
        path: of the file.
        failure: what the error says before its reason, such as ``cannot read the suite a.yaml``.

    Raises:
        ConfigError: it cannot be opened, is not UTF-8, or is refused by `parse_yaml`.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(4 * _MOST_CHARACTERS + 1)
        return parse_yaml(data.decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"{failure}: {error.strerror or one_line(error)}") from error
    except ValueError as error:
        raise ConfigError(f"{failure}: {one_line(error)}") from error


def parse_yaml(text: str) -> Any:
    """Reads YAML of one document.

    Raises:
        ValueError: it is not YAML, is too large or nested too deeply with its aliases written out,
            has a key twice in one mapping, or a value that its kind does not allow; in one line.
    """
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"it has more than {_MOST_CHARACTERS:,} characters")
    try:
        _require_bounds(text)
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(one_line(error).replace('"<unicode string>", ', "")) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _require_bounds(text: str) -> None:
    """Goes through the events, which nest nothing, before anything is built of them."""
    known: dict[str | None, tuple[int, int]] = {}
    begun: list[tuple[str | None, int, int]] = []
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            begun.append((event.anchor, 1, 1))
            size, depth = 0, 0
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, size, depth = begun.pop()
            known[anchor] = size, depth
        elif isinstance(event, yaml.AliasEvent):
            size, depth = known.get(event.anchor, (1, 0))
        elif isinstance(event, yaml.ScalarEvent):
            size, depth = 1 + len(event.value), 0
            known[event.anchor] = size, depth
        else:
            continue
        if begun:
            anchor, before, deepest = begun.pop()
            size, deepest = before + size, max(deepest, depth + 1)
            begun.append((anchor, size, deepest))
        if len(begun) + depth > _MOST_DEPTH:
            raise ValueError(f"it is nested more than {_MOST_DEPTH} deep")
        if size > _MOST_CHARACTERS:
            raise ValueError("its aliases, written out, make it too large")


class _Loader(_SafeLoader):
    """Builds plain data; says which line a value that cannot be built stands in."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._seen: set[yaml.Node] = set()

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int) and value.bit_length() > _MOST_BITS:
                raise OverflowError(f"more than {_MOST_BITS} bits")
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            text = node.value if len(node.value) <= 40 else f"{node.value[:40]}..."
            kind = node.tag.rpartition(":")[2]
            problem = f"{text!r} cannot be used as {_KINDS.get(kind, kind)}"
            raise ConstructorError(None, None, problem, node.start_mark) from error
        return value

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Lays what is merged below the mapping's own keys, which are looked at before."""
        if node not in self._seen:
            self._seen.add(node)
            self._require_distinct(node)
        super().flatten_mapping(node)

    def _require_distinct(self, node: yaml.MappingNode) -> None:
        keys: set[Hashable] = set()
        for at, _ in node.value:
            key = None if at.tag == _MERGE else self.construct_object(at, deep=True)
            if at.tag != _MERGE and isinstance(key, Hashable):
                if key in keys:
                    raise ConstructorError(
                        None, None, f"the key {key!r} is there twice", at.start_mark
                    )
                keys.add(key)
