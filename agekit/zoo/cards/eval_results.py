"""Evaluation results as the Hugging Face Hub reads them, in its current form and its older one.

The current form is ``.eval_results/<dataset>.yaml`` (https://huggingface.co/docs/hub/eval-results);
the older one, ``model-index``, is in the header of the card. The Hub shows the former where the
dataset's repository declares the task; see `benchmark`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from agekit.registry import TASKS
from agekit.task import HubTask
from agekit.zoo.cards.scores import identifier, scores
from agekit.zoo.cards.text import mapping
from agekit.zoo.config import ModelConfig
from agekit.zoo.files import EVAL_RESULTS

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

__all__ = ["OWN_DATA", "benchmark", "eval_files", "legacy_results"]

OWNER = "agekit"
"""Whose dataset repositories on the Hub declare the tasks of agekit's protocols."""
OWN_DATA = "yours"
"""What a dataset made of the user's own files says of its licence."""
UNLISTED = "unlisted"


def benchmark(config: ModelConfig, dataset: str) -> str | None:
    """The Hub repository that declares a dataset's tasks; None where there can be none.

    None for data of the user's own, and for data that the model's configuration says nothing of.
    """
    licence = mapping(config.trained, "data").get("licence")
    if config.trained.get("dataset") != dataset or licence in (None, "", OWN_DATA):
        return None
    return f"{OWNER}/{dataset}"


def eval_files(config: ModelConfig, metrics: Mapping[str, Any]) -> dict[str, str]:
    """The current form: texts of YAML files by their path in the model folder.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
    """
    files: dict[str, list[dict[str, Any]]] = {}
    for score in scores(config, metrics):
        repository = benchmark(config, score.dataset)
        if repository is not None and score.split == "test":
            task = identifier(f"{score.protocol}_{score.metric}")
            files.setdefault(f"{EVAL_RESULTS}/{identifier(score.dataset)}.yaml", []).append(
                {
                    "dataset": {"id": repository, "task_id": task},
                    "value": score.value,
                    "notes": score.notes,
                }
            )
    return {
        path: yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)
        for path, entries in files.items()
    }


def legacy_results(config: ModelConfig, metrics: Mapping[str, Any]) -> list[EvalResult]:
    """The older form: what becomes the ``model-index`` of the card's header.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
    """
    from huggingface_hub import EvalResult

    hub: HubTask = TASKS.get(config.task).hub
    return [
        EvalResult(
            task_type=hub.pipeline,
            task_name=hub.title,
            dataset_type=benchmark(config, score.dataset) or UNLISTED,
            dataset_name=f"{score.dataset}:{score.protocol}",
            dataset_config=score.protocol,
            dataset_split=score.split,
            dataset_args={"split_hash": score.split_hash} if score.split_hash else None,
            metric_type=score.metric,
            metric_name=score.name,
            metric_value=score.value,
        )
        for score in scores(config, metrics)
    ]
