"""The result of one cell of a suite: what its immutable JSON file holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from agekit._mistakes import KeyMistake, Schema
from agekit.data.alignment import Alignment

__all__ = [
    "SCHEMA_VERSION",
    "CellError",
    "CellId",
    "CodeState",
    "Evaluation",
    "Machine",
    "Predictions",
    "Result",
    "result_path",
    "row_slug",
]


SCHEMA_VERSION: Literal[1] = 1

Count = Annotated[int, Field(ge=1, lt=10**9)]
Seconds = Annotated[float, Field(ge=0, lt=1e9)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def row_slug(recipe_name: str, overrides: Iterable[str]) -> str:
    """What the folder of a row is called: ``cen-resnet18``, or ``cen-resnet18+1a2b3c4d``.

    Args:
        recipe_name: such as ``cen-resnet18`` or ``reg-timm/convnext_tiny``.
        overrides: ``key=value``; the eight digits are of the SHA-256 of their sorted lines.
    """
    name = recipe_name.replace("/", "-").replace(":", "_")
    lines = sorted(overrides)
    if not lines:
        return name
    return f"{name}+{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:8]}"


def result_path(out: Path, protocol: str, slug: str, seed: int) -> Path:
    """Where the result of a cell lies: ``OUT/<protocol>/<slug>/seed-<n>.json``.

    Args:
        out: the folder of the results.
        protocol: such as ``utkface:hash-80-10-10``; its colon becomes ``_``.
        slug: see `row_slug`.
        seed: of the cell.
    """
    return out / protocol.replace(":", "_").replace("/", "-") / slug / f"seed-{seed}.json"


class CellId(Schema):
    """Which cell of which suite: one training, with one seed.

    Attributes:
        suite: the suite's name.
        row: the label of its row on the leaderboard.
        recipe_name: ``cen-resnet18`` and the like; of a file, its name without the ending.
        method: the recipe without its backbone.
        backbone: its registry name; the generator's, of an ager.
        preset: the recipe's preset, if any.
        overrides: what was set besides, as ``key=value``.
        kind: what is trained.
        protocol: what it is trained on, such as ``utkface:hash-80-10-10``.
        seed: of weights, order and augmentation.
    """

    suite: str
    row: str
    recipe_name: str
    method: str
    backbone: str
    preset: str | None = None
    overrides: tuple[Annotated[str, Field(pattern="^[^=]+=")], ...] = ()
    kind: str = "estimator"
    protocol: str
    seed: Annotated[int, Field(ge=0, lt=2**32)]

    @property
    def identity(self) -> dict[str, Any]:
        """These fields alone, of whatever extends them."""
        return self.model_dump(include=set(CellId.model_fields))

    @property
    def training(self) -> tuple[str, ...]:
        """What it shares with its row's other seeds alone."""
        where = (self.suite, self.protocol, self.row, self.recipe_name, self.backbone)
        return (*where, *sorted(self.overrides))

    @cached_property
    def slug(self) -> str:
        """What the folder of its row is called."""
        return row_slug(self.recipe_name, self.overrides)

    def path(self, out: Path) -> Path:
        """Where its result lies below the folder of its suite's."""
        return result_path(out, self.protocol, self.slug, self.seed)


class Predictions(Schema):
    """The file of per-face estimates that lies beside the result.

    Attributes:
        file: its plain name.
        sha256: of its bytes.
        rows: how many faces times generations it has.
    """

    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]+\.parquet$")]
    sha256: Sha256
    rows: Count


class Evaluation(Schema):
    """One generation of the cell's model on one split of one protocol.

    Attributes:
        protocol: such as ``utkface:hash-80-10-10``.
        split_hash: of the protocol's split.
        subject_exclusive: whether no person is in two splits; None where nobody is named.
        split: which part was scored.
        generation: counted from 1.
        n: faces scored.
        skipped: faces that could not be used.
        alignment: how the faces scored are cut, where that is not the model's own data:
            ``five-points``, or ``chips`` where that could not be told.
        margin: likewise, as a share of the standard frame's side.
        data_alignment: where the faces lie in the data, as it says or as was measured; unknown are
            ``chips`` without points. None in results from before it was kept.
        shown_alignment: likewise, in what the model was shown of them.
        remarks: on that, a line each: what was measured, how the faces were reframed.
        metrics: scalars by name, in years or shares.
        by: metrics of parts of the faces: ``age``, ``gender``, ``group`` to a part's name to its
            ``n``, ``mae``, ``bias`` and more.
    """

    protocol: str
    split_hash: str
    subject_exclusive: bool | None = None
    split: Literal["train", "val", "test", "all"] = "test"
    generation: Annotated[int, Field(ge=1)]
    n: Count
    skipped: Annotated[int, Field(ge=0, lt=10**9)] = 0
    alignment: str | None = None
    margin: float | None = None
    data_alignment: Alignment | None = None
    shown_alignment: Alignment | None = None
    remarks: list[str] = []
    metrics: dict[str, float]
    by: dict[str, dict[str, dict[str, float]]] = {}


class CellError(Schema):
    """Why a cell has no metrics.

    Attributes:
        kind: what happened.
        message: one line.
        log: the end of what the process wrote.
    """

    kind: Literal["raised", "memory", "diverged", "killed", "timeout"]
    message: str
    log: str = ""


class Machine(Schema):
    """What the cell ran on.

    Attributes:
        device: ``cpu`` or ``cuda``.
        name: the model of the processor or of the GPU.
        driver: the GPU's driver, None on a CPU.
        threads: of torch.
        versions: distribution to version, ``python`` among them.
    """

    device: str
    name: str
    driver: str | None = None
    threads: Annotated[int, Field(ge=1)]
    versions: dict[str, str]


class CodeState(Schema):
    """The commit of agekit's working tree, where it has one.

    Attributes:
        commit: 40 hex digits.
        clean: whether nothing was changed since.
    """

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    clean: bool


class Result(CellId):
    """What a cell gave.

    Attributes:
        split_hash: of its protocol's split.
        status: whether it has metrics or an error.
        evaluations: every generation on the protocol, and the last on others'.
        predictions: the per-face estimates of all of `evaluations`.
        recipe: resolved, as ``recipe.yaml`` of the run holds it.
        recipe_hash: sha256 of that as canonical JSON.
        facts: what a fair comparison pins: ``initialisation``, ``alignment``, ``margin``,
            ``size``, ``rule``, ``mirror``.
        parameters: of the model.
        wall_seconds: ``train`` and ``evaluate``, wall clock.
        peak_memory: bytes, by ``rss`` and, on a GPU, ``cuda``.
        energy: joules, where the device tells.
        started: UTC, ISO 8601.
        machine: what it ran on.
        code: of agekit.
        licence: of the data, where the dataset says.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    split_hash: str | None = None
    status: Literal["done", "failed"]
    error: CellError | None = None
    evaluations: list[Evaluation] = []
    predictions: Predictions | None = None
    recipe: dict[str, Any] | None = None
    recipe_hash: Sha256 | None = None
    facts: dict[str, str | int | float | bool | None] = {}
    parameters: Annotated[int, Field(ge=0, lt=10**12)] | None = None
    wall_seconds: dict[str, Seconds] = {}
    peak_memory: dict[str, Annotated[int, Field(ge=0, lt=2**53)]] = {}
    energy: Annotated[float, Field(ge=0, lt=1e15)] | None = None
    started: str
    machine: Machine | None = None
    code: CodeState | None = None
    licence: str | None = None

    @model_validator(mode="after")
    def _whole(self) -> Result:
        if (self.status == "failed") != (self.error is not None):
            raise KeyMistake("error", "a failed cell has an error, and only it has one")
        if self.status == "done" and all(e.protocol != self.protocol for e in self.evaluations):
            text = "a cell that is done has evaluations on its own protocol"
            raise KeyMistake("evaluations", text)
        scored = [(e.protocol, e.split, e.generation) for e in self.evaluations]
        if len(scored) != len(set(scored)):
            raise KeyMistake("evaluations", "a generation is scored twice on one split")
        return self

    @property
    def final(self) -> Evaluation:
        """The last generation on the cell's own protocol."""
        own = [e for e in self.evaluations if e.protocol == self.protocol]
        return max(own, key=lambda e: e.generation)
