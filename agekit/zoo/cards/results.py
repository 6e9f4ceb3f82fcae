"""A model's scores as the Hugging Face Hub reads them: in files, and in the card's header.

The Hub's current form is ``.eval_results/<dataset>.yaml``
(https://huggingface.co/docs/hub/eval-results); the older one, ``model-index``, is in the header of
the card. The Hub shows the former where the dataset's repository declares the task, so that only
who publishes can name it; the latter names no repository.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from agekit.errors import ModelError, counted
from agekit.registry import TASKS
from agekit.task import HubTask
from agekit.zoo.cards.text import clean, interval, mapping
from agekit.zoo.config import ModelConfig
from agekit.zoo.files import EVAL_RESULTS

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

__all__ = [
    "OWN_DATA",
    "Score",
    "eval_files",
    "hub_licence",
    "identifier",
    "legacy_results",
    "metadata",
    "score",
    "score_notes",
    "scores",
]

OWN_DATA = "yours"
"""The licence of a dataset made of the user's own files."""
UNLISTED = "unlisted"
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


@dataclass(frozen=True)
class Score:
    """One figure on one split of one protocol.

    Attributes:
        dataset: registry name.
        protocol: its name within the dataset.
        split: which split.
        split_hash: of the protocol's splits; empty where it is not known.
        metric: what was measured, as an identifier.
        name: the same for people.
        value: the figure.
        notes: its unit, how many faces, its interval, the seed.
    """

    dataset: str
    protocol: str
    split: str
    split_hash: str
    metric: str
    name: str
    value: float
    notes: str


def scores(config: ModelConfig, metrics: Mapping[str, Any]) -> list[Score]:
    """The scores of a model, as its task takes them from its metrics.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
    """
    found: list[Score] = TASKS.get(config.task).scores(config, metrics)
    return found


def identifier(text: str) -> str:
    """A text as small letters, digits, points, dashes and underscores."""
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower()).strip("-.") or "unnamed"


def score(where: Mapping[str, Any], metric: str, name: str, value: float, notes: str) -> Score:
    """A figure and where it was measured.

    Args:
        where: ``dataset``, ``protocol``, ``split`` and ``split_hash``, as far as they are known.
        metric: see `Score`.
        name: see `Score`.
        value: see `Score`.
        notes: see `Score`, as `score_notes` makes them.
    """
    dataset = clean(where.get("dataset") or "unknown")
    split_hash = where.get("split_hash")
    return Score(
        dataset,
        clean(where.get("protocol") or "unknown").removeprefix(f"{dataset}:"),
        clean(where.get("split") or "test"),
        clean(split_hash) if split_hash else "",
        clean(metric),
        clean(name),
        round(float(value), 4),
        clean(notes),
    )


def score_notes(unit: str, n: int | None, ends: Any, where: Mapping[str, Any]) -> str:
    """The text beside a figure.

    Args:
        unit: of it.
        n: how many faces.
        ends: of its interval.
        where: also ``seed`` and ``agekit``, as far as they are known.
    """
    parts = [
        unit,
        counted(n, "face") if n else "",
        f"95% interval {interval(ends)}" if ends else "",
        f"split {where['split_hash']}" if where.get("split_hash") else "",
        f"seed {where['seed']}" if where.get("seed") is not None else "",
        f"agekit {where['agekit']}" if where.get("agekit") else "",
    ]
    return "; ".join(part for part in parts if part)


def eval_files(
    config: ModelConfig, metrics: Mapping[str, Any], benchmarks: Mapping[str, str]
) -> dict[str, str]:
    """The current form: texts of YAML files by their path in the model folder.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
        benchmarks: dataset → the Hub's repository of it that declares the tasks, ``ORG/REPO``.

    Raises:
        ModelError: the model has no test figures of one of the datasets.
    """
    found = [one for one in scores(config, metrics) if one.split == "test"]
    names = sorted({one.dataset for one in found})
    files: dict[str, str] = {}
    for dataset, repository in benchmarks.items():
        entries = [
            {
                "dataset": {
                    "id": repository,
                    "task_id": identifier(f"{one.protocol}_{one.metric}"),
                },
                "value": one.value,
                "notes": one.notes,
            }
            for one in found
            if one.dataset == dataset
        ]
        if not entries:
            raise ModelError(
                f"{config.name} has no test figures of {dataset}",
                f"it has those of {', '.join(names)}" if names else "it has none of any dataset",
            )
        text = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True, width=1000)
        files[f"{EVAL_RESULTS}/{identifier(dataset)}.yaml"] = text
    return files


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
            dataset_type=UNLISTED,
            dataset_name=f"{one.dataset}:{one.protocol}",
            dataset_config=one.protocol,
            dataset_split=one.split,
            dataset_args={"split_hash": one.split_hash} if one.split_hash else None,
            metric_type=one.metric,
            metric_name=one.name,
            metric_value=one.value,
        )
        for one in scores(config, metrics)
    ]


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
