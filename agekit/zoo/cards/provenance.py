"""The origin of a model: facts that training records, and the sections of its card on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from agekit.data.split import Faces
from agekit.recipe.schema import Recipe
from agekit.registry import DATASETS
from agekit.zoo.cards.results import OWN_DATA
from agekit.zoo.cards.text import bullets, code, count, linked, mapping, mappings, plain
from agekit.zoo.config import ModelConfig

__all__ = [
    "citation_section",
    "licence_section",
    "people_pictured",
    "provenance_section",
    "training_facts",
]

RESEARCH = ("research", "academic")
AGEKIT = "agekit: a plugin-based model zoo for the age in faces"


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
        **_dataset_facts(faces),
        "subject_exclusive": faces.subject_exclusive,
        "shared_people": faces.shared_identities,
    }
    if faces.drawn:
        data["split"] = faces.drawn
    return {"method": _known(method), "data": _known(data), "faces": dict(counts)}


def _dataset_facts(faces: Faces) -> dict[str, Any]:
    """A dataset's facts; of several, each fact once, with the dataset's name before."""
    if faces.parts:
        each = {part.dataset: _dataset_facts(part) for part in faces.parts}
        out: dict[str, Any] = {
            key: _together({name: facts[key] for name, facts in each.items() if facts[key]})
            for key in ("licence", "source", "citation", "split")
        }
        title = " and ".join(facts["title"] or name for name, facts in each.items())
        roots = [name for name, facts in each.items() if facts["needs_root"]]
        return {"title": title, **out, "needs_root": bool(roots), "roots": roots}
    reader = DATASETS.get(faces.dataset)
    rule = reader.protocols.get(faces.protocol.partition(":")[2])
    return {
        "title": reader.title,
        "licence": reader.licence,
        "source": reader.source,
        "citation": reader.citation,
        "split": rule.description if rule else "by a list of the user's own",
        "needs_root": reader.needs_root,
    }


def _together(facts: Mapping[str, str]) -> str:
    one = set(facts.values())
    return one.pop() if len(one) == 1 else "; ".join(f"{k}: {v}" for k, v in facts.items())


def provenance_section(config: ModelConfig, network: str) -> list[str]:
    """Data, protocol, method, network and seed, in blocks of Markdown.

    Args:
        config: the model's configuration.
        network: its parts, in one line.
    """
    trained = config.trained
    if isinstance(trained.get("imported"), list):
        names = ", ".join(map(code, trained["imported"]))
        return [
            "## Data and training",
            bullets(
                [
                    network,
                    f"Converted from {names} by agekit {plain(trained.get('agekit', '?'))}. What "
                    "it was trained on, and how well it does, the checkpoint does not say.",
                ]
            ),
        ]
    data, method = mapping(trained, "data"), mapping(trained, "method")
    if not config.parameters:  # made of statistics: no steps
        method = {key: value for key, value in method.items() if key != "epochs"}
    lines = [_data(trained, data), _protocol(trained, data), _method(trained, method), network]
    if trained.get("init_name"):
        lines.append(f"Training started from the weights of {code(trained['init_name'])}.")
    elif method.get("pretrained"):
        lines.append(
            f"Training started from the pretrained weights of {code(method['pretrained'])}; "
            "the data they were trained on is not in the figures above."
        )
    if teachers := mappings(trained, "teachers"):
        each = ", ".join(
            f"{code(one.get('name'))} (weights {code(str(one.get('weights_sha256'))[:16])})"
            for one in teachers
        )
        lines.append(f"It also learnt from {each}: the terms of their data hold for it too.")
    lines += [
        "Generation {} was lengthened to {} epochs after its epoch {}: its learning rate is not "
        "that of one training.".format(
            *(plain(went.get(k)) for k in ("generation", "epochs", "epoch"))
        )
        for went in mappings(trained, "lengthened")
    ]
    lines.append(_place(trained))
    return ["## Data and training", bullets(line for line in lines if line)]


def licence_section(config: ModelConfig) -> list[str]:
    """Under what terms the weights come."""
    licence = mapping(config.trained, "data").get("licence")
    if not licence:
        terms = (
            "The terms of the data it was trained on are not recorded. Find them out before you "
            "use the weights: they carry them."
        )
    elif licence == OWN_DATA:
        terms = (
            "It was trained on data of the owner's own. Whoever passes the weights on says here "
            "under what terms."
        )
    else:
        terms = (
            f"The weights carry the terms of the data they were trained on: {plain(licence)}. "
            "Whoever uses them is bound by these."
        )
    return ["## Licence", terms + " The code of agekit is under Apache-2.0."]


def citation_section(config: ModelConfig) -> list[str]:
    """Whom to cite: the method, the data, agekit."""
    trained = config.trained
    data, method = mapping(trained, "data"), mapping(trained, "method")
    version = f" {plain(trained['agekit'])}" if trained.get("agekit") else ""
    lines = [
        f"The method: {linked(method['source'])}" if method.get("source") else "",
        f"The data: {linked(data['citation'])}" if data.get("citation") else "",
        f"The software: {AGEKIT},{version and ' version' + version}".rstrip(","),
    ]
    return ["## Citation", bullets(line for line in lines if line)]


def people_pictured(config: ModelConfig) -> list[str]:
    """A limit to tell, if the data are photos of people that were collected for research."""
    licence = str(mapping(config.trained, "data").get("licence") or "")
    if not any(word in licence for word in RESEARCH):
        return []
    return [
        "The photos it learnt from were collected for research, as a rule without asking the "
        "people in them."
    ]


def _data(trained: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    name = trained.get("dataset")
    if not name and not data:
        return "What it was trained on is not recorded."
    title = plain(data.get("title") or name)
    alias = f" ({code(name)})" if name and data.get("title") else ""
    parts = [f"Trained on {title}{alias}"]
    if data.get("source"):
        source = linked(data["source"])
        parts.append(f"from {source}" if source.startswith("<") else source)
    if data.get("licence") and data["licence"] != OWN_DATA:
        parts.append(f"terms: {plain(data['licence'])}")
    return ", ".join(parts) + "."


def _protocol(trained: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    if not trained.get("protocol"):
        return ""
    parts = mappings(trained, "parts")
    text = f"Split by the protocol {code(trained['protocol'])}"
    if data.get("split"):
        text += f" ({plain(data['split'])})"
    if trained.get("split_hash"):
        text += f", split hash {code(trained['split_hash'])}"
        each = [f"{plain(p.get('dataset'))} {code(p.get('split_hash'))}" for p in parts]
        text += f" ({', '.join(each)})" if each else ""
    if counts := mapping(trained, "faces"):
        text += (
            ": " + ", ".join(f"{count(n)} {plain(which)}" for which, n in counts.items()) + " faces"
        )
    return text + "." + _people(data)


def _people(data: Mapping[str, Any]) -> str:
    if data.get("subject_exclusive"):
        return " No person is in two splits."
    if data.get("shared_people"):
        return (
            f" {count(data['shared_people'])} people are in more than one split: the errors are "
            "too good to be those on strangers."
        )
    return " Nothing is known of whether a person is in two splits." if data else ""


def _method(trained: Mapping[str, Any], method: Mapping[str, Any]) -> str:
    recipe = str(trained.get("recipe") or "")
    if recipe.endswith((".yaml", ".yml")):
        recipe = PurePath(recipe).name
    if not recipe:
        return ""
    text = f"Trained by the recipe {code(recipe)}"
    if trained.get("preset"):
        text += f" with its preset {code(trained['preset'])}"
    if method.get("description"):
        text += f": {plain(method['description'])}"
    if epochs := method.get("epochs"):
        generations = method.get("generations") or 1
        many = f"{count(generations)} generations of " if generations != 1 else ""
        rate = method.get("learning_rate", 0)
        text += (
            f"; {many}{count(epochs)} epoch{'s' * (epochs != 1)}, batches of "
            f"{plain(method.get('batch_size'))}, {plain(method.get('optimizer'))} with a learning "
            f"rate of {f'{rate:g}' if isinstance(rate, int | float) else plain(rate)}"
        )
    return text + "."


def _place(trained: Mapping[str, Any]) -> str:
    text = f"Seed {plain(trained['seed'])}" if trained.get("seed") is not None else ""
    if trained.get("device_name"):
        text += f", on {plain(trained['device_name'])} ({plain(trained.get('device', '?'))})"
    versions = [f"{name} {plain(trained[name])}" for name in ("agekit", "torch") if name in trained]
    return ", ".join(part for part in (text.lstrip(", "), *versions) if part) + "."


def _known(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if value not in (None, "")}
