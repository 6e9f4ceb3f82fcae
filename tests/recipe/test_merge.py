from __future__ import annotations

import pytest

from agekit.recipe.merge import merge, override, parse_value, plain

RECIPE = {
    "train": {"epochs": 3, "optimizer": {"type": "SGD", "lr": 0.1, "momentum": 0.9}},
    "evolver": {"losses": [{"type": "l1", "weight": 4}, {"type": "cross-entropy"}]},
}


def test_merge_goes_mapping_by_mapping():
    assert merge(RECIPE, {"train": {"epochs": 5, "optimizer": {"lr": 0.2}}})["train"] == {
        "epochs": 5,
        "optimizer": {"type": "SGD", "lr": 0.2, "momentum": 0.9},
    }


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({"type": "AdamW", "lr": 1}, {"type": "AdamW", "lr": 1}),
        ({"type": "SGD", "lr": 1}, {"type": "SGD", "lr": 1, "momentum": 0.9}),
    ],
)
def test_another_type_replaces_the_part(over, expected):
    assert merge(RECIPE, {"train": {"optimizer": over}})["train"]["optimizer"] == expected


def test_lists_and_values_replace():
    assert merge(RECIPE, {"evolver": {"losses": [1]}})["evolver"] == {"losses": [1]}
    assert merge(RECIPE, {"train": None})["train"] is None


def test_merge_and_override_leave_what_they_were_given():
    before = repr(RECIPE)
    out = merge(RECIPE, {"new": {"a": [1]}})
    out["evolver"]["losses"][0]["weight"] = 9
    override(RECIPE, ["train.epochs=9", "evolver.losses.0.weight=9"])
    assert repr(RECIPE) == before


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-4", 1e-4),
        ("1.0e-4", 1e-4),
        ("true", True),
        ("null", None),
        ("", None),
        ("quick", "quick"),
        ("[0.8, 1]", [0.8, 1]),
        ("{type: SGD, lr: 0.1}", {"type": "SGD", "lr": 0.1}),
        ("resnet18", "resnet18"),
        ("2019-01-02", "2019-01-02"),
    ],
)
def test_values_are_yaml_with_exponents(text, value):
    found = parse_value(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["[1", ".inf", ".nan", "1e999", "{2019-01-02: 1}", "&a [*a]"])
def test_values_that_are_no_plain_data(text):
    with pytest.raises(ValueError):
        parse_value(text)


def test_plain_makes_keys_text():
    assert plain({1: {2: None}}) == {"1": {"2": None}}


def test_override_reaches_into_lists():
    out, mistakes = override(RECIPE, ["evolver.losses.0.weight=1e-1", "train.optimizer.lr=1"])
    assert mistakes == []
    assert out["evolver"]["losses"] == [{"type": "l1", "weight": 0.1}, {"type": "cross-entropy"}]
    assert out["train"]["optimizer"] == {"type": "SGD", "lr": 1, "momentum": 0.9}


def test_override_with_a_mapping_merges():
    out, _ = override(RECIPE, ["train.optimizer={type: AdamW, lr: 1}", "train={epochs: 7}"])
    assert out["train"] == {"epochs": 7, "optimizer": {"type": "AdamW", "lr": 1}}


@pytest.mark.parametrize(
    ("assignment", "mistake"),
    [
        ("trian.epochs=3", "--set trian.epochs: there is no key 'trian'; did you mean 'train'?"),
        ("evolver.losses.2.weight=3", "'2' is not an index into a list of 2"),
        ("evolver.losses.x.weight=3", "'x' is not an index into a list of 2"),
        ("evolver.losses.2=3", "'2' is not an index into a list of 2"),
        ("train.epochs.more=3", "train.epochs is a value, not a mapping"),
        ("train.epochs=[", "--set train.epochs: not a YAML value: '['"),
        ("train.epochs", "--set 'train.epochs' is not of the form a.b=value"),
        ("=3", "--set '=3' is not of the form a.b=value"),
    ],
)
def test_override_says_what_is_wrong(assignment, mistake):
    out, mistakes = override(RECIPE, [assignment])
    assert out == RECIPE
    assert len(mistakes) == 1
    assert mistake in mistakes[0]


def test_override_collects_every_mistake_and_applies_the_rest():
    out, mistakes = override(RECIPE, ["a.b=1", "train.epochs=4", "c.d=1"])
    assert (out["train"]["epochs"], len(mistakes)) == (4, 2)
