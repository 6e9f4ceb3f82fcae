"""The schema and the reading of ``metrics.json``, of a model and of a generation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from agekit._mistakes import summary
from agekit.errors import ModelError
from agekit.registry import TASKS
from agekit.zoo.files import METRICS, small_text

__all__ = ["Ends", "MetricsSchema", "Number", "model_metrics", "parse_metrics"]

Number = float | None
Ends = tuple[float, float] | None


class MetricsSchema(BaseModel):
    """Numbers are numbers; what is not named is not looked at."""

    model_config = ConfigDict(extra="allow", strict=True)


def parse_metrics(
    text: str | bytes,
    task: str,
    of: Literal["model", "generation"] = "model",
) -> dict[str, Any]:
    """Reads metrics, and checks all that agekit makes use of.

    Args:
        text: JSON.
        task: of the model.
        of: whose they are; a run goes on with those of a generation.

    Raises:
        ValueError: in one line, what is wrong.
    """
    schema: type[MetricsSchema] = TASKS.get(task).metrics[of]
    try:
        found: dict[str, Any] = json.loads(text)
        schema.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(summary(error, schema, 1)) from error
    except (RecursionError, OverflowError) as error:
        raise ValueError(str(error)) from error
    return found


def model_metrics(folder: Path, task: str) -> dict[str, Any]:
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
