"""The model card of a gender classifier, and its figures as a leaderboard takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agekit.zoo.cards.provenance import (
    citation_section,
    licence_section,
    people_pictured,
    provenance_section,
)
from agekit.zoo.cards.results import Score, metadata, score, score_notes
from agekit.zoo.cards.text import bullets, code, mapping, mappings, plain, table
from agekit.zoo.cards.usage import face_section, use_section
from agekit_gender.config import GenderConfig

__all__ = ["gender_card", "gender_scores"]

_PYTHON = """\
import agekit
from agekit.plugin import load_attribute

predictor = agekit.load()
predictor.attributes = [load_attribute("MODEL")]
[prediction] = predictor.predict(["photo.jpg"])
for face in prediction.faces:
    print(face.age, face.more["gender"].value)"""


def gender_card(config: GenderConfig, metrics: Mapping[str, Any]) -> str:
    """The card as Markdown, its header for the Hugging Face Hub included.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
    """
    network = f"Backbone {code(config.backbone.type)}; {config.parameters:,} parameters."
    blocks = [
        metadata(config, metrics, [config.backbone.type]),
        f"# {plain(config.name)}",
        "Tells whether a face is labelled male or female in its data, and how probable each is.",
        *use_section(config, "agekit predict photo.jpg --with MODEL", _PYTHON),
        *face_section(config.face, config.image),
        *provenance_section(config, network),
        *_accuracy(metrics),
        "## Intended use and limits",
        bullets(
            [
                "For research, and for sums and averages over many faces: how a dataset or the "
                "errors of an estimator of ages are spread over genders.",
                "It tells **the label that people gave a picture**, of two, **not who somebody "
                "is**. Do not show it to the person pictured as what they are, and make no "
                "decision about a person by it.",
                "Children and old people are told apart worse; see the table.",
                *people_pictured(config),
            ]
        ),
        *licence_section(config),
        *citation_section(config),
    ]
    return "\n\n".join(blocks) + "\n"


def _accuracy(metrics: Mapping[str, Any]) -> list[str]:
    split = next((split for split in ("test", "val") if mapping(metrics, split)), None)
    if split is None:
        return []
    row = mapping(metrics, split)
    recall = ", ".join(f"{plain(k)} {v:.1%}" for k, v in mapping(row, "recall").items())
    by_age = [(r["ages"], f"{r['n']:,}", f"{r['accuracy']:.1%}") for r in mappings(row, "by_age")]
    return [
        "## Accuracy",
        f"Of {row['n']:,} {split} faces {row['accuracy']:.1%} are told right; balanced over the "
        f"genders {row['balanced_accuracy']:.1%} (recall: {recall}).",
        table(["age", "faces", "accuracy"], by_age),
    ]


def gender_scores(config: GenderConfig, metrics: Mapping[str, Any]) -> list[Score]:
    """What a classifier scored on its test split, for `agekit.zoo.cards.results`."""
    where, row = dict(config.trained), mapping(metrics, "test")
    notes = score_notes("share of faces, higher is better", row.get("n"), None, where)
    names = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"}
    return [score(where, key, name, row[key], notes) for key, name in names.items() if key in row]
