"""The model card: what a model is, how good it is, for whom, and for what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agekit.tasks.estimator.card_errors import error_section, headline
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.zoo.cards.provenance import (
    citation_section,
    licence_section,
    people_pictured,
    provenance_section,
)
from agekit.zoo.cards.results import Score, metadata, score, score_notes
from agekit.zoo.cards.text import bullets, code, mapping, mappings, plain
from agekit.zoo.cards.usage import face_section, use_section

__all__ = ["estimator_card", "estimator_scores"]


def estimator_card(config: EstimatorConfig, metrics: Mapping[str, Any]) -> str:
    """The card as Markdown, its header for the Hugging Face Hub included.

    Args:
        config: the model's configuration; of its `trained`, ``method``, ``data`` and ``faces``
            are as `agekit.zoo.cards.provenance.training_facts` gives them, where they are known.
        metrics: what the model folder's ``metrics.json`` holds; ``seeds`` may list the ``seed``
            and the ``mae`` of several trainings, and ``operations`` is what one answer takes,
            multiply-adds.
    """
    low, high = config.ages
    trained, interval = config.trained, config.interval
    heads = ", ".join(_head(name, part.arguments) for name, part in config.heads.items())
    network = (
        f"Backbone {code(config.backbone.type)}, heads {heads}; {config.parameters:,} parameters"
    )
    if operations := metrics.get("operations"):
        network += f"; {operations / 1e9:.2f} billion multiply-adds an answer"
    blocks = [
        metadata(config, metrics, [config.backbone.type]),
        f"# {plain(config.name)}",
        f"Estimates the age of a face, from {low} to {high} years, with a {interval.level:.0%} "
        "interval.",
        headline(metrics, trained, interval),
        *use_section(config, "agekit predict photo.jpg --model MODEL", _PYTHON),
        *face_section(config.face, config.image),
        *provenance_section(config, f"{network}."),
        *error_section(metrics, trained, interval.calibrated_on),
        *_limits(config),
        *licence_section(config),
        *citation_section(config),
    ]
    return "\n\n".join(blocks) + "\n"


_PYTHON = """\
import agekit

[prediction] = agekit.load("MODEL").predict(["photo.jpg"])
for face in prediction.faces:
    print(face.age, face.interval)"""


def _limits(config: EstimatorConfig) -> list[str]:
    low, high = config.ages
    return [
        "## Intended use and limits",
        "For research, and for sums and averages over many faces or help that a person checks, "
        "where an error of the size above harms nobody.",
        bullets(
            [
                "**Not a means of identification, and not of a decision about a person**: not to "
                "prove an age, to admit or refuse, to hire, insure, police or protect.",
                "It reads a picture, not a birth certificate: light, pose, make-up, age of the "
                "photo and quality of the image change its answer.",
                "Errors differ between ages, genders and groups; see the tables. Genders and "
                "groups are called what the dataset calls them; groups without a row were not "
                "measured.",
                "The interval holds for faces like those it was calibrated on, on average over "
                "them: not for each group, and less often for other photos.",
                "Photos of another kind than its data were not measured; expect larger errors. "
                f"It never answers below {low} or above {high} years.",
                *people_pictured(config),
            ]
        ),
    ]


_FIGURES = {
    "mae": ("MAE (years)", "years, lower is better"),
    "cs5": ("CS@5", "share of errors of at most 5 years"),
    "epsilon": ("epsilon-error", "0 to 1, lower is better"),
    "coverage": ("coverage", "share of true ages within their {level:.0%} interval"),
}


def estimator_scores(config: EstimatorConfig, metrics: Mapping[str, Any]) -> list[Score]:
    """An estimator's scores on its test split, for `agekit.zoo.cards.results`."""
    test, level = mapping(metrics, "test"), config.interval.level
    out = _scores(config.trained, test, level)
    for part in mappings(config.trained, "parts"):
        row = mapping(mapping(test, "by_dataset"), str(part.get("dataset")))
        out += _scores({**config.trained, **part}, row, level)
    return out


def _scores(where: Mapping[str, Any], row: Mapping[str, Any], level: float) -> list[Score]:
    out = []
    for metric, (name, unit) in _FIGURES.items():
        if row.get(metric) is not None:
            ends = row.get("mae_interval") if metric == "mae" else None
            notes = score_notes(unit.format(level=level), row.get("n"), ends, where)
            out.append(score(where, metric, name, row[metric], notes))
    return out


def _head(name: str, arguments: Mapping[str, Any]) -> str:
    told = ", ".join(f"{key}={value}" for key, value in arguments.items())
    return f"{code(name)} ({code(told)})" if told else code(name)
