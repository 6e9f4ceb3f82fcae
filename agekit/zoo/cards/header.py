"""The YAML at the head of a model card, which the Hugging Face Hub reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agekit.registry import TASKS
from agekit.task import HubTask
from agekit.zoo.cards.eval_results import OWN_DATA, legacy_results
from agekit.zoo.cards.text import clean, mapping
from agekit.zoo.config import ModelConfig

__all__ = ["hub_licence", "metadata"]

LICENCES = frozenset(
    {
        "apache-2.0",
        "bsd-2-clause",
        "bsd-3-clause",
        "cc-by-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-nd-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-sa-4.0",
        "cc0-1.0",
        "mit",
    }
)
"""Those of the Hub's identifiers that datasets of faces may come under."""


def metadata(config: ModelConfig, metrics: Mapping[str, Any], tags: Sequence[str]) -> str:
    """The header, between its two lines of dashes.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
        tags: further words to be found by.
    """
    from huggingface_hub import ModelCardData

    hub: HubTask = TASKS.get(config.task).hub
    results = legacy_results(config, metrics)
    licence = hub_licence(mapping(config.trained, "data"))
    data = ModelCardData(
        library_name="agekit",
        pipeline_tag=hub.pipeline,
        tags=[*hub.tags, *map(clean, tags)],
        metrics=["mae"] if any(result.metric_type == "mae" for result in results) else None,
        model_name=clean(config.name) if results else None,
        eval_results=results or None,
        license=licence["license"],
        license_name=licence.get("license_name"),
        license_link=licence.get("license_link"),
    )
    return f"---\n{data.to_yaml()}\n---"


def hub_licence(data: Mapping[str, Any]) -> dict[str, str]:
    """The terms of the weights in the Hub's words: those of the data.

    Args:
        data: what is known of the data: ``licence`` and ``source``.
    """
    licence = str(data.get("licence") or "")
    if licence in ("", OWN_DATA):
        return {"license": "unknown"}
    identifier = licence.lower().replace(" ", "-")
    if identifier in LICENCES:
        return {"license": identifier}
    out = {"license": "other", "license_name": "terms-of-the-training-data"}
    source = str(data.get("source") or "")
    return out | ({"license_link": source} if re.fullmatch(r"https?://\S+", source) else {})
