"""What a model's card needs to know of its making, gathered when it is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agekit.data.split import Faces
from agekit.recipe.schema import Recipe
from agekit.registry import DATASETS

__all__ = ["training_facts"]


def training_facts(recipe: Recipe, faces: Faces, counts: Mapping[str, int]) -> dict[str, Any]:
    """Facts for the `trained` of a model's configuration, as plain data.

    Args:
        recipe: the one it was trained by.
        faces: what it was trained on.
        counts: how many faces of which kind were used, such as ``{"train": 800, "test": 100}``.

    Returns:
        ``method`` (what the recipe says of itself, and its length), ``data`` (title, terms and
        citation of the dataset, how it was split) and ``faces``, the counts; without what is
        unknown.
    """
    reader = DATASETS.get(faces.dataset)
    rule = reader.protocols.get(faces.protocol.partition(":")[2])
    method = {
        "description": recipe.description,
        "source": recipe.source,
        "evolver": recipe.evolver.type,
        "generations": recipe.evolver.arguments.get("generations"),
        "epochs": recipe.train.epochs,
        "batch_size": recipe.train.batch_size,
        "optimizer": recipe.train.optimizer.type,
        "learning_rate": recipe.train.optimizer.lr,
    }
    backbone = getattr(recipe, "backbone", None)
    if backbone is not None and backbone.arguments.get("pretrained"):
        method["pretrained"] = backbone.type
    data = {
        "title": reader.title,
        "licence": reader.licence,
        "source": reader.source,
        "citation": reader.citation,
        "split": faces.drawn or (rule.description if rule else "by a list of the user's own"),
        "needs_root": reader.needs_root,
        "subject_exclusive": faces.subject_exclusive,
        "shared_people": faces.shared_identities,
    }
    return {"method": _known(method), "data": _known(data), "faces": dict(counts)}


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value not in (None, "")}
