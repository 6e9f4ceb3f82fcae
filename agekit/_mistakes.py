"""The base of all schemas, and what pydantic refuses by them in words for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from agekit.errors import DataError, nearest

__all__ = ["KeyMistake", "Schema", "StrictSchema", "list_mistakes", "summary"]

_LONGEST = 100
"""Characters of a key or a value that are shown."""
_NOTHING = object()
_OF_KEY = "[key]"
_UNIONS = (Union, UnionType)
_WORDS = {
    "missing": "is missing",
    "model_type": "Input should be an object",
    "model_attributes_type": "Input should be an object",
    "union_tag_not_found": "is missing",
}


class Schema(BaseModel):
    """Plain data with no key but its own and only finite numbers, which nothing changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def parse_json(cls, text: str | bytes, what: str, hint: str = "") -> Self:
        """Reads a JSON document.

        Args:
            text: the document.
            what: to say before what is wrong with it.
            hint: how to mend it.

        Raises:
            DataError: it is damaged, or says what it may not.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise DataError(f"{what}: {summary(error, cls)}", hint) from error


class StrictSchema(Schema, strict=True):
    """A schema whose values are of their own types: the text ``"1"`` is no number."""


class KeyMistake(ValueError):
    """For a validator of a whole model: what is wrong at one of its keys.

    Args:
        key: the dotted path of the key below the model.
        text: what is wrong.
        got: what is there, where that is not in the text.
    """

    def __init__(self, key: str, text: str, got: object = _NOTHING) -> None:
        super().__init__(text)
        self.key = key
        self.got = got


def list_mistakes(error: ValidationError, schema: object) -> list[str]:
    """One line for each mistake: ``place: what is wrong (got value)``.

    The place is left out of what is wrong with the data as a whole, and what was found where that
    is more than one value.

    Args:
        error: what pydantic raised.
        schema: the type that the data was checked against, for the names of its keys.
    """
    out: dict[str, str] = {}
    for item in error.errors(include_url=False):
        keys, known, chosen = _place(item["loc"], schema)
        text, got = _WORDS.get(item["type"], item["msg"]), item["input"]
        context = item.get("ctx", {})
        reason = context.get("error")
        if item["type"] == "extra_forbidden":
            text, got = f"there is no such key{nearest(keys[-1], known)}", _NOTHING
        elif item["type"].startswith("union_tag"):
            keys.append(str(context["discriminator"]).strip("'"))
            if item["type"] == "union_tag_invalid":
                expected = str(context["expected_tags"]).replace(", ", " or ")
                text, got = f"must be {expected}", context["tag"]
        elif item["type"] in ("missing", "json_invalid"):
            got = _NOTHING
        elif isinstance(reason, KeyMistake):
            keys += reason.key.split(".")
            text, got = str(reason), reason.got
        elif reason is not None and isinstance(item["input"], Mapping | BaseModel):
            text, got = str(reason), _NOTHING
        elif reason is not None:
            text = str(reason)
        where = ".".join(map(_printable, keys))
        line = f"{where}: {text}" if where else text
        line += "" if got is _NOTHING or isinstance(got, Mapping) else f" (got {_shown(got)})"
        if chosen and where in out:
            line = f"{where}: is of none of the types that it may be (got {_shown(item['input'])})"
        out[where if chosen else line] = line
    return list(out.values())


def summary(error: ValidationError, schema: object, most: int = 5) -> str:
    """The first mistakes in one line.

    Args:
        error: see `list_mistakes`.
        schema: see `list_mistakes`.
        most: how many are told.
    """
    lines = list_mistakes(error, schema)
    more = [f"and {len(lines) - most} more"] if len(lines) > most else []
    return "; ".join(lines[:most] + more)


def _place(loc: Iterable[int | str], schema: object) -> tuple[list[str], list[str], bool]:
    """The keys down to a mistake, those it may have there, whether it is of a type among several.

    Pydantic puts into the location which type of a union it tried, and a word for a mapping's key
    itself; no key is called so.
    """
    keys: list[str] = []
    known: list[str] = []
    chosen = False
    here = [_bare(schema)]
    for key in loc:
        members = [_bare(one) for member in here for one in _members(member)]
        if key == _OF_KEY:
            continue
        if any(len(_members(member)) > 1 for member in here):
            here, chosen = members, True
            continue
        known = [name for model in _models(members) for name in model.model_fields]
        keys.append(str(key))
        here = [_bare(below) for member in members for below in _below(member, key)]
    return keys, known, chosen


def _members(schema: object) -> Sequence[object]:
    """The types of a union but None, or the type itself."""
    if get_origin(schema) not in _UNIONS:
        return [schema]
    return [member for member in get_args(schema) if member is not NoneType]


def _models(types: Iterable[object]) -> Iterator[type[BaseModel]]:
    return (one for one in types if isinstance(one, type) and issubclass(one, BaseModel))


def _below(schema: object, key: int | str) -> Iterator[object]:
    """The type of what is at a key of a type."""
    for model in _models([schema]):
        if key in model.model_fields:
            field = model.model_fields[str(key)]
            yield field.annotation
    arguments = [one for one in get_args(schema) if one is not Ellipsis]
    if arguments and get_origin(schema) is not Literal:
        yield arguments[min(key, len(arguments) - 1) if isinstance(key, int) else -1]


def _bare(schema: object) -> object:
    """A type without what `Annotated` adds to it."""
    while get_origin(schema) is Annotated:
        schema = get_args(schema)[0]
    return schema


def _printable(key: str) -> str:
    key = key[:_LONGEST]
    return key if key.isprintable() else ascii(key)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple | set | frozenset):
        flat = not any(isinstance(one, Mapping | list | tuple) for one in value)
        if not flat or len(value) > 4:
            return f"a list of {len(value)}"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
