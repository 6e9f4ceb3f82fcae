"""Entries of the zoo's index: what they may say, read from JSON and written.

Standard library only, as `agekit zoo list` reads hundreds of them in a quarter of a second.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cache
from typing import Annotated, Any, TypeVar, get_type_hints

from agekit._loading import how_to_upgrade
from agekit.discovery import CORE
from agekit.errors import ModelError, nearest
from agekit.zoo.files import CONFIG, SMALL_FILE, WEIGHTS
from agekit.zoo.names import ENTRY_NAME, HUB_PREFIX, TASK_NAME, parse_hub_name

__all__ = [
    "ENDINGS",
    "FILE_NAME",
    "LOCAL",
    "Check",
    "FileRecord",
    "TrainingData",
    "ZooEntry",
    "parse_entry",
    "read_entry",
    "write_entry",
]

FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
ENDINGS = (".json", ".md", ".onnx", ".png", ".safetensors", ".txt")
SMALL_ENDINGS = (".json", ".md", ".txt")
MOST_BYTES = 4 << 30
BUNDLED, LOCAL = "bundled:", "local:"
_MOST_TOLD = 5

Record = TypeVar("Record")
Checked = Callable[[Any, str, list[str]], Any]
"""Takes a value, its place and the list of mistakes; adds those it finds, and gives the value."""


def _must(what: str, good: Callable[[Any], object]) -> Checked:
    def check(value: Any, place: str, mistakes: list[str]) -> Any:
        if not good(value):
            text = repr(value)
            mistakes.append(f"{place}: {what} (got {text[:100]}{'...' * (len(text) > 100)})")
        return value

    return check


def _matches(pattern: str, what: str) -> Checked:
    return _must(what, lambda value: isinstance(value, str) and re.fullmatch(pattern, value))


def _one_of(*values: object) -> Checked:
    return _must(
        f"must be {' or '.join(map(repr, values))}",
        lambda value: type(value) in map(type, values) and value in values,
    )


def _int(most: float = math.inf) -> Checked:
    what = "must be a whole number from 0" + (f" to {most:,}" if most < math.inf else "")
    return _must(what, lambda value: type(value) is int and 0 <= value <= most)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _mapping(key: Checked, value: Checked, least: int = 0, most: int = 1000) -> Checked:
    def check(found: Any, place: str, mistakes: list[str]) -> Any:
        if not isinstance(found, dict):
            mistakes.append(f"{place} is not a JSON object")
            return found
        if not least <= len(found) <= most:
            mistakes.append(f"{place}: must have {least} to {most:,} keys, and has {len(found):,}")
            return found
        out = {}
        for name, one in found.items():
            before = len(mistakes)
            shown = name if name.isprintable() else ascii(name)
            key(name, f"{place}.{shown[:100]}", mistakes)
            if len(mistakes) == before:
                out[name] = value(one, f"{place}.{shown}", mistakes)
        return out

    return check


def _record(kind: type[Record]) -> Checked:
    return lambda value, place, mistakes: _read(kind, value, place, mistakes)


def _optional(check: Checked) -> Checked:
    return lambda value, place, mistakes: None if value is None else check(value, place, mistakes)


def _is_source(source: Any) -> bool:
    if not isinstance(source, str) or not source.isprintable() or len(source) > 500:
        return False
    if source.startswith(HUB_PREFIX) and "@" not in source:
        try:
            return bool(parse_hub_name(source))
        except ModelError:
            return False
    kind, _, where = source.partition(":")
    return (kind == "local" and bool(where)) or (
        kind == "bundled" and re.fullmatch(ENTRY_NAME, where) is not None
    )


def _file_name(name: str, place: str, mistakes: list[str]) -> None:
    if not re.fullmatch(FILE_NAME, name):
        what = "a file is named by letters, digits, '.', '_' and '-', with no folder"
        mistakes.append(f"{place}: {what}")
    elif not name.endswith(ENDINGS):
        what = f"only files ending in {', '.join(ENDINGS)}; pickles are never loaded"
        mistakes.append(f"{place}: {what}")


_line = _must(
    "must be one line of at most 500 characters, without control characters",
    lambda value: isinstance(value, str) and value.isprintable() and len(value) <= 500,
)
_number = _must("must be a number", _is_number)
_numbers = _must(
    "must be a list of numbers",
    lambda value: isinstance(value, list) and all(map(_is_number, value)),
)
_share = _must("must be above 0 and at most 1", lambda value: _is_number(value) and 0 < value <= 1)
_source = _must("a source is bundled:FOLDER, hf-hub:ORG/REPO or local:PATH", _is_source)
_sha256 = _matches("[0-9a-f]{64}", "must be a SHA-256 in 64 hex digits")
_commit = _matches("[0-9a-f]{40}", "must be a commit in 40 hex digits")
_distribution = _matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "must be the name of a distribution")
_version = _matches(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,99}", "must be a version")


Line = Annotated[str, _line]


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """What a file must be: its SHA-256 in 64 hex digits, and its size in bytes."""

    sha256: Annotated[str, _sha256]
    size: Annotated[int, _int(MOST_BYTES)]


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """What a model was trained on and scored by; what is unknown is empty.

    Attributes:
        dataset: registry name.
        protocol: with the dataset's name before it, such as ``utkface:random-80-20``.
        split_hash: of the rows of each split.
        scored: the split that the entry's metrics are of.
    """

    dataset: Line = ""
    protocol: Line = ""
    split_hash: Line = ""
    scored: Annotated[str, _one_of("", "train", "val", "test")] = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What a model made of a fixed input when its entry was written; see `agekit.zoo.check`.

    Attributes:
        input: which one.
        outputs: values by name.
        tolerance: the largest difference that is none, in the outputs' own unit.
    """

    input: Annotated[str, _one_of("squares-1")] = "squares-1"
    outputs: Annotated[Mapping[str, list[float]], _mapping(_line, _numbers, least=1, most=10)]
    tolerance: Annotated[float, _share]


@dataclass(frozen=True, kw_only=True)
class ZooEntry:
    """One model of the index.

    Attributes:
        schema_version: of this schema.
        name: what users call it; the JSON file's name without its ending.
        task: registry name, such as ``estimator``.
        description: one line for people.
        requires: the distributions it needs, and the version of each it was made with.
        source: ``bundled:<folder beside the JSON>``, ``hf-hub:<org>/<repo>`` or ``local:<path>``.
        revision: the commit, 40 hex digits; of a Hub repository only, and needed there.
        files: by plain file name, what each must be.
        parameters: how many the network has.
        backbone: registry name of the backbone, or of what does its work.
        metrics: numbers on the split `data.scored`.
        licence: under what terms the weights may be used.
        data: what it was trained on.
        check: what it makes of a fixed input.
        default: whether it is what `agekit predict` or `agekit age` uses where no model is named.
    """

    schema_version: Annotated[int, _one_of(1)] = 1
    name: Annotated[str, _matches(ENTRY_NAME, "must be letters, digits, '.', '_' and '-'")]
    task: Annotated[str, _matches(TASK_NAME, "must be the name of a task")]
    description: Line
    requires: Annotated[Mapping[str, str], _mapping(_distribution, _version)] = field(
        default_factory=dict
    )
    source: Annotated[str, _source]
    revision: Annotated[str | None, _optional(_commit)] = None
    files: Annotated[Mapping[str, FileRecord], _mapping(_file_name, _record(FileRecord), most=20)]
    parameters: Annotated[int, _int()]
    backbone: Line = ""
    metrics: Annotated[Mapping[str, float], _mapping(_line, _number)] = field(default_factory=dict)
    licence: Line
    data: Annotated[TrainingData, _record(TrainingData)] = field(default_factory=TrainingData)
    check: Annotated[Check | None, _optional(_record(Check))] = None
    default: Annotated[bool, _one_of(True, False)] = False

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(record.size for record in self.files.values())

    @property
    def hub_repo(self) -> str | None:
        """``org/repo`` of a model on the Hub, else None."""
        repo = self.source.removeprefix(HUB_PREFIX)
        return None if repo == self.source else repo

    def to_json(self) -> dict[str, Any]:
        """The entry as plain data."""
        return asdict(self)


def parse_entry(text: str, where: str) -> ZooEntry:
    """Reads an entry.

    Args:
        text: its JSON.
        where: what to call it in errors.

    Raises:
        ModelError: it is too large, damaged, of a later version, or says what an entry must not.
    """
    if len(text) > SMALL_FILE:
        raise ModelError(f"{where} has more than {SMALL_FILE:,} characters")
    try:
        return read_entry(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{where} is not a valid entry of the zoo: {error}",
            f"correct it, or if it is from a newer agekit: {how_to_upgrade(CORE)}",
        ) from error


def read_entry(document: Any) -> ZooEntry:
    """Checks an entry.

    Args:
        document: what its JSON holds.

    Raises:
        ValueError: the mistakes in it, in one line.
    """
    mistakes: list[str] = []
    entry = _read(ZooEntry, document, "", mistakes)
    if not mistakes:
        assert entry is not None
        mistakes += _contradictions(entry)
    if mistakes or entry is None:
        more = len(mistakes) - _MOST_TOLD
        told = mistakes[:_MOST_TOLD] + ([f"and {more} more"] if more > 0 else [])
        raise ValueError("; ".join(told))
    return entry


def write_entry(entry: ZooEntry) -> str:
    """An entry's JSON, for people to review."""
    return json.dumps(entry.to_json(), indent=1, ensure_ascii=False) + "\n"


def _read(kind: type[Record], value: Any, place: str, mistakes: list[str]) -> Record | None:
    """The record that a JSON object holds; None where there are mistakes in it."""
    if not isinstance(value, dict):
        mistakes.append(f"{place or 'it'} is not a JSON object")
        return None
    before = len(mistakes)
    prefix = f"{place}." if place else ""
    known = _checks(kind)  # type: ignore[arg-type]  # a type is hashable
    for key in value:
        if key not in known:
            shown = key if key.isprintable() else ascii(key)
            mistakes.append(f"{prefix}{shown[:100]}: there is no such key{nearest(key, known)}")
    given = {}
    for name, (check, needed) in known.items():
        if name in value:
            given[name] = check(value[name], prefix + name, mistakes)
        elif needed:
            mistakes.append(f"{prefix}{name}: is missing")
    return kind(**given) if len(mistakes) == before else None


@cache
def _checks(kind: type[Any]) -> dict[str, tuple[Checked, bool]]:
    """By the name of each key of a record, what checks it and whether it is needed."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        one.name: (
            hints[one.name].__metadata__[0],
            one.default is MISSING and one.default_factory is MISSING,
        )
        for one in fields(kind)
    }


def _contradictions(entry: ZooEntry) -> list[str]:
    """What is wrong with keys that are good one by one."""
    out = [
        f"files: files must hold {name}" for name in (WEIGHTS, CONFIG) if name not in entry.files
    ]
    if len({name.lower() for name in entry.files}) < len(entry.files):
        out.append("files: two files' names differ by upper and lower case alone")
    for name, record in entry.files.items():
        if name.endswith(SMALL_ENDINGS) and record.size > SMALL_FILE:
            out.append(f"files: {name} may not have more than {SMALL_FILE:,} bytes")
    if entry.hub_repo is None and entry.revision is not None:
        out.append("revision: only a source on the Hub has a revision")
    if entry.hub_repo is not None and entry.revision is None:
        out.append("revision: a source on the Hub needs a revision, its commit in 40 hex digits")
    return out
