"""What an entry of the zoo's index may say."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    model_validator,
)

from agekit._mistakes import KeyMistake, StrictSchema
from agekit.errors import ModelError
from agekit.zoo.files import CONFIG, SMALL_FILE, WEIGHTS
from agekit.zoo.names import ENTRY_NAME, HUB_PREFIX, TASK_NAME, parse_hub_name

__all__ = ["ENDINGS", "FILE_NAME", "Check", "FileRecord", "TrainingData", "ZooEntry"]

FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
ENDINGS = (".json", ".md", ".onnx", ".png", ".safetensors", ".txt")
SMALL_ENDINGS = (".json", ".md", ".txt")
MOST_BYTES = 4 << 30


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("it must be one line without control characters")
    return text


def _check_file_name(name: str) -> str:
    if not re.fullmatch(FILE_NAME, name):
        raise ValueError("a file is named by letters, digits, '.', '_' and '-', with no folder")
    if not name.endswith(ENDINGS):
        raise ValueError(f"only files ending in {', '.join(ENDINGS)}; pickles are never loaded")
    return name


def _check_source(source: str) -> str:
    kind, _, where = source.partition(":")
    good = kind == "local" and bool(where)
    if kind == "bundled":
        good = re.fullmatch(ENTRY_NAME, where) is not None
    if source.startswith(HUB_PREFIX) and "@" not in source:
        try:
            good = bool(parse_hub_name(source))
        except ModelError:
            good = False
    if not good:
        raise ValueError("a source is bundled:FOLDER, hf-hub:ORG/REPO or local:PATH")
    return source


Line = Annotated[str, StringConstraints(max_length=500), AfterValidator(_printable)]
FileName = Annotated[str, AfterValidator(_check_file_name)]
Distribution = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+!_-]{0,99}$")]


class FileRecord(StrictSchema):
    """What a file must be: its SHA-256 in 64 hex digits, and its size in bytes."""

    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0, le=MOST_BYTES)]


class TrainingData(StrictSchema):
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
    scored: Literal["", "train", "val", "test"] = ""


class Check(StrictSchema):
    """What a model made of a fixed input when its entry was written; see `agekit.zoo.check`.

    Attributes:
        input: which one.
        outputs: values by name.
        tolerance: the largest difference that is none, in the outputs' own unit.
    """

    input: Literal["squares-1"] = "squares-1"
    outputs: Annotated[dict[Line, list[float]], Field(min_length=1, max_length=10)]
    tolerance: Annotated[float, Field(gt=0, le=1)]


class ZooEntry(StrictSchema):
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

    schema_version: Literal[1] = 1
    name: Annotated[str, StringConstraints(pattern=f"^{ENTRY_NAME}$")]
    task: Annotated[str, StringConstraints(pattern=f"^{TASK_NAME}$")]
    description: Line
    requires: dict[Distribution, Version] = {}
    source: Annotated[Line, AfterValidator(_check_source)]
    revision: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")] | None = None
    files: Annotated[dict[FileName, FileRecord], Field(max_length=20)]
    parameters: Annotated[int, Field(ge=0)]
    backbone: Line = ""
    metrics: dict[Line, int | float] = {}
    licence: Line
    data: TrainingData = TrainingData()
    check: Check | None = None
    default: bool = False

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(record.size for record in self.files.values())

    @property
    def hub_repo(self) -> str | None:
        """``org/repo`` of a model on the Hub, else None."""
        repo = self.source.removeprefix(HUB_PREFIX)
        return None if repo == self.source else repo

    @model_validator(mode="after")
    def _complete(self) -> ZooEntry:
        for name in (WEIGHTS, CONFIG):
            if name not in self.files:
                raise KeyMistake("files", f"files must hold {name}")
        if len({name.lower() for name in self.files}) < len(self.files):
            raise KeyMistake("files", "two files' names differ by upper and lower case alone")
        for name, record in self.files.items():
            if name.endswith(SMALL_ENDINGS) and record.size > SMALL_FILE:
                text = f"{name} may not have more than {SMALL_FILE:,} bytes"
                raise KeyMistake("files", text, record.size)
        if self.hub_repo is None and self.revision is not None:
            raise KeyMistake("revision", "only a source on the Hub has a revision", self.revision)
        if self.hub_repo is not None and self.revision is None:
            text = "a source on the Hub needs a revision, its commit in 40 hex digits"
            raise KeyMistake("revision", text, self.revision)
        return self
