"""The schemas of ``run.json`` and of the lines of ``metrics.jsonl``, and how they are read."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agekit._mistakes import summary
from agekit.training.framing import Framing

__all__ = ["parse_info", "parse_records"]


class _Info(BaseModel):
    """The keys of every run; there are more."""

    model_config = ConfigDict(extra="allow")

    name: str
    recipe: str
    dataset: str
    protocol: str
    split_hash: str
    seed: int = Field(ge=0, strict=True)
    root: str | dict[str, str] | None = None
    protocol_file: str | dict[str, str] | None = None
    parts: list[dict[str, str]] = []
    init_name: str | None = None
    init_ages: tuple[int, int] | None = None
    framing: Framing | None = None
    distributions: dict[str, str] | None = None
    columns: dict[str, str] | None = None
    logs: list[str] | None = None
    device: str
    device_name: str


class _Epoch(BaseModel):
    """The keys of every line of the metrics; there are more."""

    model_config = ConfigDict(extra="allow")

    generation: int = Field(ge=1, strict=True)
    epoch: int = Field(ge=1, strict=True)
    epochs: int | None = None
    losses: dict[str, float]
    val_mae: float | None = None


def parse_info(text: bytes) -> dict[str, Any]:
    """Reads ``run.json``.

    Raises:
        ValueError: in one line, what is wrong.
    """
    try:
        info: dict[str, Any] = json.loads(text)
        _Info.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(summary(error, _Info, 1)) from error
    except RecursionError as error:
        raise ValueError(str(error)) from error
    return info


def parse_records(text: bytes) -> list[dict[str, Any]]:
    """Reads ``metrics.jsonl``; a last line that was cut short is left out.

    Raises:
        ValueError: in one line, what is wrong.
    """
    out: list[dict[str, Any]] = []
    for line in text.split(b"\n")[:-1]:
        try:
            record: dict[str, Any] = json.loads(line)
            _Epoch.model_validate_json(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {len(out) + 1} is no record of an epoch") from error
        out.append(record)
    return out
