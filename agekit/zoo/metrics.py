"""What ``metrics.json`` holds, of a model and of a generation, and how it is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agekit._mistakes import summary
from agekit.errors import ModelError
from agekit.zoo.files import METRICS, small_text

__all__ = ["model_metrics", "parse_metrics"]

Number = float | None
Ends = tuple[float, float] | None


class _Checked(BaseModel):
    """Numbers are numbers; what is not named is not looked at."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Part(_Checked):
    """Of the faces of one gender, group or bin of ages."""

    n: int
    mae: Number = None
    bias: Number = None


class _Bin(_Part):
    ages: str


class _Cycle(_Checked):
    """One split of an ager."""

    cycle_young: Number = None
    cycle_old: Number = None


class _Errors(_Checked):
    """One split of an estimator."""

    n: int | None = None
    mae: Number = None
    mae_interval: Ends = None
    bias: Number = None
    ca5: Number = None
    cs5: Number = None
    epsilon: Number = None
    coverage: Number = None
    interval_width: Number = None
    by_age: list[_Bin] | None = None
    by_gender: dict[str, _Part] | None = None
    by_group: dict[str, _Part] | None = None


class _Interval(_Checked):
    level: float
    margin: float
    calibrated_on: str


class _ErrorSplits(_Checked):
    train: _Errors | None = None
    val: _Errors | None = None
    test: _Errors | None = None


class _EstimatorGeneration(_ErrorSplits):
    interval: _Interval


class _Numbered(_Checked):
    generation: int
    metrics: _ErrorSplits


class _Seed(_Checked):
    mae: float


class _Estimator(_ErrorSplits):
    generations: list[_Numbered] | None = None
    seeds: list[_Seed] | None = None


class _Judged(_Checked):
    """What one judge makes of the faces aged one way."""

    n: int
    shift: Number
    interval: Ends
    before: Number = None
    after: Number = None
    mae: Number = None


class _Same(_Checked):
    n: int
    network: str
    cosine: Number
    interval: Ends
    others: Number = None
    same: Number = None


class _Way(_Checked):
    judges: dict[str, _Judged]
    identity: _Same | None = None


class _Evaluation(_Checked):
    dataset: str = ""
    protocol: str = ""
    split: str = ""
    split_hash: str = ""
    metrics: dict[str, _Way]


class _AgerGeneration(_Checked):
    test: _Cycle


class _Ager(_Checked):
    test: _Cycle | None = None
    evaluation: _Evaluation | None = None


_SCHEMAS: dict[tuple[str, str], type[_Checked]] = {
    ("estimator", "model"): _Estimator,
    ("ager", "model"): _Ager,
    ("estimator", "generation"): _EstimatorGeneration,
    ("ager", "generation"): _AgerGeneration,
}


def parse_metrics(
    text: str | bytes,
    task: Literal["estimator", "ager"],
    of: Literal["model", "generation"] = "model",
) -> dict[str, Any]:
    """Reads metrics, and checks all that agekit makes use of.

    Raises:
        ValueError: in one line, what is wrong.
    """
    try:
        found: dict[str, Any] = json.loads(text)
        _SCHEMAS[task, of].model_validate_json(text)
    except ValidationError as error:
        raise ValueError(summary(error, _SCHEMAS[task, of], 1)) from error
    except (RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error
    return found


def model_metrics(folder: Path, task: Literal["estimator", "ager"]) -> dict[str, Any]:
    """The metrics of a model folder; none where it has no file of them.

    Raises:
        ModelError: the file is damaged.
    """
    path = folder / METRICS
    try:
        return parse_metrics(small_text(path), task)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ModelError(
            f"cannot read {path}: {reason}",
            "fetch or train the model again; or remove the file: the model works without",
        ) from error
