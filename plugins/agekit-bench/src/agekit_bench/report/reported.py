"""The figures that papers report, as printed, for the columns beside those reproduced here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from agekit._mistakes import KeyMistake, Schema, list_mistakes
from agekit._paths import expand_user
from agekit._yaml import read_yaml
from agekit.errors import ConfigError, nearest

__all__ = ["Column", "Reported", "ReportedRow", "find_reported", "load_reported"]


_ENDING = ".yaml"
_NONE = "-"


class Column(Schema):
    """A column of a printed table.

    Attributes:
        name: as printed; unique.
        metric: what it is called in results.
        protocol: what it was measured on; None takes what a result was trained on.
        better: which figures are the better ones.
        percent: whether it is printed in %, of what results give as a share.
    """

    name: str
    metric: str
    protocol: str | None = None
    better: Literal["lower", "higher"]
    percent: bool = False


class ReportedRow(Schema):
    """A row of a printed table.

    Attributes:
        label: as printed.
        values: of each column, as printed and so with the paper's decimals; None where it has
            none. The file has them in one text, with blanks between them and ``-`` for none.
        cited: whose method it is.
        detail: what else sets it apart.
        pretrained: on what, as printed.
        parameters: how many.
        row: the label of the row of a suite that reproduces it; its own label if not given.
        recipe: whose results reproduce it too, whatever their row is called.
        generation: of these results; the last one if not given.
        head: of these results; all heads together if not given.
    """

    label: str
    values: list[Annotated[str, Field(pattern=r"^\d+(\.\d+)?$")] | None]
    cited: str = ""
    detail: str = ""
    pretrained: str = ""
    parameters: Annotated[float, Field(gt=0)] | None = None
    row: str | None = None
    recipe: str | None = None
    generation: Annotated[int, Field(ge=1)] | None = None
    head: str | None = None

    @field_validator("values", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return [None if word == _NONE else word for word in value.split()]


class Reported(Schema):
    """A printed table.

    Attributes:
        name: of the file.
        title: one line.
        source: the paper and its table.
        suite: the suite that reproduces it.
        note: what a reader has to know.
        columns: of figures.
        rows: of methods.
    """

    name: str
    title: str
    source: str
    suite: str
    note: str = ""
    columns: Annotated[list[Column], Field(min_length=1)]
    rows: Annotated[list[ReportedRow], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Reported:
        for index, row in enumerate(self.rows):
            if len(row.values) != len(self.columns):
                text = f"the row {row.label!r} has not one value a column"
                raise KeyMistake(f"rows.{index}.values", text)
        labels = [row.label for row in self.rows]
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise KeyMistake("rows", f"two rows are called {twice[0]!r}")
        return self


def find_reported() -> dict[str, Path]:
    """The files of reported figures by name, the shorter names first; nothing is read."""
    folder = Path(__file__).parents[1] / "reported"
    paths = {path.stem: path for path in folder.glob(f"*{_ENDING}")}
    return {name: paths[name] for name in sorted(paths, key=lambda name: (len(name), name))}


def load_reported(name: str) -> Reported:
    """Reads a printed table.

    Args:
        name: one of `find_reported`, or the path of a YAML file.

    Raises:
        ConfigError: there is none, or it has mistakes.
    """
    if name.endswith(_ENDING):
        path = expand_user(name)
    else:
        known = find_reported()
        if name not in known:
            raise ConfigError(
                f"there are no reported figures called {name!r}{nearest(name, known)}",
                f"known are {', '.join(known)}; or give the path of a YAML file",
            )
        path = known[name]
    data = read_yaml(path, f"cannot read the reported figures {path}")
    if not isinstance(data, Mapping):
        raise ConfigError(f"the reported figures {path} are not a mapping")
    try:
        return Reported.model_validate(data)
    except ValidationError as error:
        lines = [f"{path.name}: {line}" for line in list_mistakes(error, Reported)]
        raise ConfigError(lines, f"correct {path}") from error
