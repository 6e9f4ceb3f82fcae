"""Entries of the zoo's index: what they may say, read from JSON and written.

Standard library only, as `agekit zoo list` reads hundreds of them in a quarter of a second.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from agekit._loading import how_to_upgrade
from agekit.discovery import CORE
from agekit.errors import ModelError
from agekit.zoo.files import CONFIG, SMALL_FILE, WEIGHTS
from agekit.zoo.names import ENTRY_NAME, HUB_PREFIX, TASK_NAME, parse_hub_name
from agekit.zoo.records import (
    is_number,
    mapping,
    matches,
    must,
    nested,
    one_of,
    optional,
    read_record,
    whole_number,
)

__all__ = [
    "BUNDLED",
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


_line = must(
    "must be one line of at most 500 characters, without control characters",
    lambda value: isinstance(value, str) and value.isprintable() and len(value) <= 500,
)
_number = must("must be a number", is_number)
_numbers = must(
    "must be a list of numbers",
    lambda value: isinstance(value, list) and all(map(is_number, value)),
)
_share = must("must be above 0 and at most 1", lambda value: is_number(value) and 0 < value <= 1)
_source = must("a source is bundled:FOLDER, hf-hub:ORG/REPO or local:PATH", _is_source)
_sha256 = matches("[0-9a-f]{64}", "must be a SHA-256 in 64 hex digits")
_commit = matches("[0-9a-f]{40}", "must be a commit in 40 hex digits")
_distribution = matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", "must be the name of a distribution")
_version = matches(r"[A-Za-z0-9][A-Za-z0-9.+!_-]{0,99}", "must be a version")


Line = Annotated[str, _line]


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """A file's SHA-256 in 64 hex digits, and its size in bytes."""

    sha256: Annotated[str, _sha256]
    size: Annotated[int, whole_number(MOST_BYTES)]


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """The data a model was trained on and scored by; what is unknown is empty.

    Attributes:
        dataset: registry name.
        protocol: with the dataset's name before it, such as ``utkface:random-80-20``.
        split_hash: of the rows of each split.
        scored: the split that the entry's metrics are of.
    """

    dataset: Line = ""
    protocol: Line = ""
    split_hash: Line = ""
    scored: Annotated[str, one_of("", "train", "val", "test")] = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A model's answer to a fixed input when its entry was written; see `agekit.zoo.check`.

    Attributes:
        input: which one.
        outputs: values by name.
        onnx: values of its ONNX files, by file and output.
        tolerance: the largest difference that is none, in the outputs' own unit.
    """

    input: Annotated[str, one_of("squares-1")] = "squares-1"
    outputs: Annotated[Mapping[str, list[float]], mapping(_line, _numbers, least=1, most=10)]
    onnx: Annotated[Mapping[str, list[float]], mapping(_line, _numbers, most=10)] = field(
        default_factory=dict
    )
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

    schema_version: Annotated[int, one_of(1)] = 1
    name: Annotated[str, matches(ENTRY_NAME, "must be letters, digits, '.', '_' and '-'")]
    task: Annotated[str, matches(TASK_NAME, "must be the name of a task")]
    description: Line
    requires: Annotated[Mapping[str, str], mapping(_distribution, _version)] = field(
        default_factory=dict
    )
    source: Annotated[str, _source]
    revision: Annotated[str | None, optional(_commit)] = None
    files: Annotated[Mapping[str, FileRecord], mapping(_file_name, nested(FileRecord), most=20)]
    parameters: Annotated[int, whole_number()]
    backbone: Line = ""
    metrics: Annotated[Mapping[str, float], mapping(_line, _number)] = field(default_factory=dict)
    licence: Line
    data: Annotated[TrainingData, nested(TrainingData)] = field(default_factory=TrainingData)
    check: Annotated[Check | None, optional(nested(Check))] = None
    default: Annotated[bool, one_of(True, False)] = False

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
    entry = read_record(ZooEntry, document, "", mistakes)
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


def _contradictions(entry: ZooEntry) -> list[str]:
    """The contradictions between keys that are good one by one."""
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
