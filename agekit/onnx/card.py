"""The description of an exported model: in its own metadata, and in the JSON file beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from agekit._loading import how_to_upgrade
from agekit._mistakes import Schema, summary
from agekit.data.alignment import Alignment
from agekit.discovery import CORE
from agekit.errors import ModelError

__all__ = [
    "EXTRA",
    "INPUT",
    "METADATA",
    "Direction",
    "OnnxCard",
    "OnnxGraph",
    "Precision",
    "parse_card",
]

EXTRA = "onnx"
"""The extra of agekit that brings what exporting and running need."""
METADATA = "agekit"
"""The key of the card in the model's metadata."""
INPUT = "pixels"
Direction = Literal["old", "young"]
Precision = Literal["float32", "float16", "int8"]
Age = Annotated[int, Field(ge=0, le=150)]


class OnnxCard(Schema):
    """The metadata of an exported model: how to use it.

    Attributes:
        format: the version of this schema.
        task: of `agekit list tasks`.
        name: of the model.
        size: S, side of the face chips it takes, pixels.
        face: how the faces it was trained on were cut.
        inputs: what it takes.
        outputs: what it gives.
        precision: of the weights: ``float32``, ``float16`` or, of convolutions, ``int8``.
        inside: what the graph does to the pixels before the network sees them.
        ages: the first and the last label age or, of an ager by age, age trained on, years; None of
            an ager by direction.
        rule: how a distribution becomes an age; None of an ager.
        level: the share of faces that the interval is meant to hold; None of an ager.
        to: which way an ager goes; None of an estimator, and of an ager by age.
        guide: the estimator by which `agekit age` steers an ager; the file alone is not steered.
        licence: under what terms it may be used.
        source: sha256 of the files of the model folder it was made of.
        made_by: versions of what made it.
        opset: of the standard ONNX operators.
    """

    format: Literal[1] = 1
    task: str
    name: str
    size: Annotated[int, Field(ge=16, le=1024)]
    face: Alignment
    inputs: dict[str, str]
    outputs: dict[str, str]
    precision: Precision = "float32"
    inside: str
    ages: tuple[Age, Age] | None = None
    rule: str | None = None
    level: float | None = None
    to: Direction | None = None
    guide: str | None = None
    licence: str
    source: dict[str, str]
    made_by: dict[str, str]
    opset: int


@dataclass(frozen=True, eq=False)
class OnnxGraph:
    """A graph of a model, as its task gives it to be exported.

    Attributes:
        module: a torch module in evaluation mode, from pixels (N, S, S, 3) uint8 to the outputs.
        outputs: what it gives, in order, and of which shape and unit each is.
        tolerance: the most that each may differ from torch's.
        unit: of the first.
        inside: what it does to the pixels before the network sees them.
        about: what else `OnnxCard` says of it.
        more: what it takes beside pixels, float32 (N,) each, in order: what that is, and values by
            which it is tried.
        half: the most that weights in half precision may change its first output, in its unit; None
            is a hundred times its tolerance.
    """

    module: Any
    outputs: Mapping[str, str]
    tolerance: Mapping[str, float]
    unit: str
    inside: str
    about: Mapping[str, Any]
    more: Mapping[str, tuple[str, Sequence[float]]] = field(default_factory=dict)
    half: float | None = None


def parse_card(text: str | None, name: str) -> OnnxCard:
    """Reads a card.

    Args:
        text: its JSON; None where there is none.
        name: what to call the model in errors.

    Raises:
        ModelError: there is none, or it is damaged or of a later version.
    """
    if text is None:
        raise ModelError(
            f"{name} was not exported by agekit: it does not say what it takes and gives",
            "make one with `agekit export MODEL --format onnx`",
        )
    try:
        return OnnxCard.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(
            f"{name}: its description is not valid: {summary(error, OnnxCard)}",
            f"it may be damaged, or from a newer agekit: {how_to_upgrade(CORE)}",
        ) from error
