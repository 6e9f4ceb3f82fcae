"""Whatever a name or a title holds, a card shows it and is built as with any other."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from agekit_ager.card import ager_card
from agekit_ager.config import AgerConfig
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from agekit.tasks.estimator.card import estimator_card
from agekit.tasks.estimator.config import EstimatorConfig, IntervalConfig
from agekit.zoo.config import ImageConfig

PLAIN = "plain"
NASTY = (
    "a|b", "`code`", "``", "a\nb", "\n\n# head", "\n---\n", "<script>x</script>", "<!-- x", "&lt;",
    "![a](b)", "[a](b)", "- item", "1. item", "> quote", "    indented", "```\n", "~~~", "$x$",
    "a: b", "{a: b}", "'", '"', "*b*", "_i_", "\\", "\\|", "\r\n|a|", "\t", "\x1b[31mred", "\u2028",
    "\u202eabc", "%s {x}", "@x", "!!python/object:x", "www.x.org", "\ud800",
)  # fmt: skip


def estimator(text: str) -> tuple[EstimatorConfig, dict[str, Any]]:
    """A model all of whose texts are `text`."""
    split = {
        "n": 50, "mae": 5.0, "cs5": 0.5, "bias": 0.1,
        "by_age": [{"ages": text, "n": 40, "mae": 4.0, "bias": 1.0},
                   {"ages": f"{text}2", "n": 40, "mae": 5.0, "bias": -1.0}],
        "by_gender": {text: {"n": 40, "mae": 4.0}, f"{text}2": {"n": 40, "mae": 5.0}},
        "by_group": {text: {"n": 40, "mae": 4.0}, f"{text}2": {"n": 40, "mae": 5.0}},
    }  # fmt: skip
    config = EstimatorConfig(
        name=text,
        backbone={"type": text},  # type: ignore[arg-type]
        heads={"head": {"type": text}},  # type: ignore[dict-item]
        rule="median",
        ages=(0, 100),
        image=ImageConfig(size=32, mean=(0.5,) * 3, std=(0.5,) * 3),
        interval=IntervalConfig(level=0.9, margin=1.0, calibrated_on=text),
        parameters=10,
        requires={text: text},
        trained=trained(text),
    )
    return config, {"test": split, "generations": [{"generation": 1, "metrics": {"test": split}}]}


def trained(text: str) -> dict[str, Any]:
    """What is said of a training."""
    names = ("dataset", "protocol", "split_hash", "recipe", "preset", "init_name", "device_name")
    data = dict.fromkeys(("title", "licence", "source", "citation", "split"), text)
    method = dict.fromkeys(("description", "source", "evolver", "optimizer", "batch_size"), text)
    return {
        **dict.fromkeys((*names, "device", "agekit", "torch", "seed"), text),
        "data": data, "method": {**method, "epochs": 3}, "faces": {f"{text} train": 5},
    }  # fmt: skip


def ager(text: str) -> tuple[AgerConfig, dict[str, Any]]:
    """An ager likewise."""
    judged = {"n": 5, "shift": 1.0, "interval": [0.5, 1.5], "before": 20.0, "after": 21.0}
    same = {"n": 5, "network": text, "cosine": 0.5, "interval": None, "others": 0.1}
    config = AgerConfig(
        name=text,
        generator={"type": text},  # type: ignore[arg-type]
        image=ImageConfig(size=32, mean=(0.5,) * 3, std=(0.5,) * 3),
        domains={"young": text, "old": text},
        parameters=10,
        requires={text: text},
        trained=trained(text),
    )
    where = dict.fromkeys(("dataset", "protocol", "split", "split_hash"), text)
    ways = {text: {"judges": {text: judged}, "identity": same}}
    return config, {"test": {"cycle_young": 0.1}, "evaluation": {**where, "metrics": ways}}


def imported(text: str) -> tuple[AgerConfig, dict[str, Any]]:
    """An ager that was converted."""
    config, _ = ager(text)
    return config.model_copy(update={"trained": {"imported": [text], "agekit": text}}), {}


def shape(card: str) -> list[tuple[str, str]]:
    """How a card is built, its texts aside."""
    body = card.split("\n---\n", 1)[1]
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    kept = ("softbreak", "text", "text_special")
    inline = [c for t in tokens for c in t.children or () if c.type not in kept]
    return [(t.type, t.tag) for t in (*tokens, *inline)]


@pytest.mark.slow
@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("make", [estimator, ager, imported])
def test_a_card_is_built_alike_whatever_it_names(make, text):
    render = ager_card if make is not estimator else estimator_card
    config, metrics = make(text)
    card = render(config, metrics)
    assert shape(card) == shape(render(*make(PLAIN)))
    card.encode()
    assert not any(ord(c) < 32 and c != "\n" for c in card)
    head = yaml.safe_load(card.split("\n---\n", 1)[0].removeprefix("---\n"))
    known = yaml.safe_load(render(*make(PLAIN)).split("\n---\n", 1)[0].removeprefix("---\n"))
    assert head.keys() == known.keys()
    json.dumps(ModelCard(card).data.to_dict())
