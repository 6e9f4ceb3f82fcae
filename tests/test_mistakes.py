"""What pydantic refuses is told with its place, in words, and never as a whole dump."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from agekit_ager.config import AgerConfig
from agekit_ager.recipe import AgerRecipe
from agekit_bench.report.reported import Reported
from agekit_bench.result import Result
from agekit_bench.suite import Suite
from agekit_datasets.chips.plan import Plan
from pydantic import BaseModel, TypeAdapter, ValidationError

from agekit._mistakes import list_mistakes, summary
from agekit.data.manifest import Manifest
from agekit.onnx.card import OnnxCard
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.tasks.estimator.recipe import EstimatorRecipe

SCHEMAS = (
    *(EstimatorRecipe, AgerRecipe, AgerConfig, EstimatorConfig, Manifest, Plan, OnnxCard),
    *(Suite, Result, Reported),
)
ESTIMATOR = {
    "backbone": {"type": "resnet10-tiny"},
    "heads": {"reg": {"type": "regression"}},
    "evolver": {"type": "single"},
    "train": {"epochs": 1},
}
AGER = {
    "kind": "ager",
    "generator": {"type": "resnet-6blocks"},
    "evolver": {"type": "cyclegan"},
    "train": {"epochs": 1},
}
SUITE = {
    "name": "mine",
    "description": "",
    "protocols": [{"dataset": "synthfaces"}],
    "rows": [{"label": "a", "recipe": "reg"}, {"label": "b", "recipe": "cen"}],
}


def refused(schema: object, data: object) -> list[str]:
    text = data if isinstance(data, str) else json.dumps(data)
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(schema).validate_json(text)
    return list_mistakes(caught.value, schema)


def changed(data: dict[str, object], path: str, value: object) -> dict[str, object]:
    out = json.loads(json.dumps(data))
    *parents, last = path.split(".")
    node = out
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node.setdefault(key, {})
    node[last] = value
    return out


@pytest.mark.parametrize(
    ("schema", "data", "says"),
    [
        (
            EstimatorRecipe,
            changed(ESTIMATOR, "train.batch_size", 1),
            "train.batch_size: an estimator's batch normalisation needs more than 1 (got 1)",
        ),
        (
            EstimatorRecipe,
            changed(ESTIMATOR, "train.optimizer", {"nesterov": True}),
            "train.optimizer.nesterov: nesterov needs a momentum above 0",
        ),
        (
            EstimatorRecipe,
            changed(ESTIMATOR, "data.augment", {"crop_scale": [0.9, 0.8]}),
            "data.augment.crop_scale: crop_scale must be [low, high] with low <= high <= 1 "
            "(got [0.9, 0.8])",
        ),
        (
            EstimatorRecipe,
            changed(ESTIMATOR, "heads", {"0x": {"type": "regression"}}),
            "heads.0x: a head's name is letters, digits, '-' and '_', a letter first (got '0x')",
        ),
        (
            AgerRecipe,
            changed(AGER, "data", {"size": 64, "load_size": 32}),
            "data.load_size: load_size must not be below size (64) (got 32)",
        ),
        (
            AgerRecipe,
            changed(AGER, "data", {"domains": [[20, 30], [60, 50]]}),
            "data.domains.1: a domain is [low, high] with low <= high (got [60.0, 50.0])",
        ),
        (Suite, changed(SUITE, "rows.1.label", "a"), "rows: two rows are called 'a'"),
        (Suite, changed(SUITE, "baseline", "c"), "baseline: the baseline 'c' is no row"),
        (Suite, changed(SUITE, "seeds", [0, 0]), "seeds: the seed 0 is there twice"),
        (
            Suite,
            changed(SUITE, "rows.1.init", "b"),
            "rows.1: the row 'b' starts from itself",
        ),
        (
            Suite,
            changed(SUITE, "claims", [{"text": "x", "row": "a"}]),
            "claims.0: a claim has a row and those it beats, or neither",
        ),
    ],
)
def test_a_mistake_of_a_whole_model_names_its_key(schema: object, data: object, says: str) -> None:
    assert refused(schema, data) == [says]


def test_keys_that_are_unknown_or_missing_and_values_of_a_wrong_type() -> None:
    wrong = changed(ESTIMATOR, "train", {"epoch": 3, "optimizer": {"lr": 0}, "ema": {}})
    assert refused(EstimatorRecipe, wrong) == [
        "train.epochs: is missing",
        "train.optimizer.lr: Input should be greater than 0 (got 0)",
        "train.ema: Input should be a valid number",
        "train.epoch: there is no such key; did you mean 'epochs'?",
    ]
    listed = changed(ESTIMATOR, "train.epochs", [[1], [2]])
    assert refused(EstimatorRecipe, listed) == [
        "train.epochs: Input should be a valid integer (got a list of 2)"
    ]
    long = refused(EstimatorRecipe, changed(ESTIMATOR, "train.epochs", "9" * 5000))
    assert len(long[0]) < 200


def test_no_key_is_called_after_the_type_that_was_tried() -> None:
    assert "interval: is missing" in refused(EstimatorConfig, {"task": "estimator"})

    class Values(BaseModel):
        set: dict[str, bool | int | list[int]]

    told = refused(Values, {"set": {"a.b": "x", "c": [1, "y"]}})
    assert told[0] == "set.a.b: is of none of the types that it may be (got 'x')"
    assert all(not line.startswith("set.c.list") for line in told)


@pytest.mark.parametrize("schema", SCHEMAS)
@pytest.mark.parametrize("text", ["", "{", "[]", "3", '"x"', "null", '{"\\u001b[31m": 1}'])
def test_what_is_no_mapping_is_told_without_an_empty_place(schema: object, text: str) -> None:
    lines = refused(schema, text)
    for line in lines:
        assert not line.startswith((":", " ", ".")), line
        assert line.isprintable() and "{'" not in line and len(line) < 300, line


def test_a_summary_says_how_many_it_leaves_out() -> None:
    with pytest.raises(ValidationError) as caught:
        EstimatorRecipe.model_validate_json("{}")
    assert summary(caught.value, EstimatorRecipe, 1).endswith("; and 3 more")


def test_the_command_line_says_it_so() -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "agekit", "train", "reg-resnet10-tiny", "synthfaces"),
            *("--set", "train.batch_size=1"),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == (
        "error: train.batch_size: an estimator's batch normalisation needs more than 1 (got 1)"
    )
