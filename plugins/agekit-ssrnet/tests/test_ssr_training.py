"""SSR-Net and its baselines trained through the command line."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from agekit.cli import agekit
from agekit.recipe import resolve


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("name", "size", "epochs", "overrides"),
    [
        ("ssrnet", 40, 8, ["backbone.size=40"]),
        ("ssr-resnet10-tiny", 32, 8, []),
        ("mobilenet-ssr", 32, 20, ["backbone.size=32"]),
        ("densenet-ssr", 32, 8, ["backbone.depth=7"]),
    ],
)
def test_a_short_training_beats_the_constant_guess(
    name, size, epochs, overrides, cache, tmp_path, monkeypatch
):
    """Always 40 years is 20.8 years off on these faces."""
    monkeypatch.setenv("AGEKIT_CACHE", str(cache))
    arguments = ["train", name, "synthfaces", "--protocol", "tiny", "--preset", "quick"]
    arguments += [
        "--epochs",
        str(epochs),
        "--device",
        "cpu",
        "--out",
        str(tmp_path / "run"),
        "--json",
    ]
    sets = [f"data.size={size}", "train.batch_size=32", "train.amp=fp32", *overrides]
    arguments += [word for value in sets for word in ("--set", value)]
    result = CliRunner().invoke(agekit, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["metrics"]["test"]["mae"] < 18


@pytest.mark.parametrize("name", ["ssrnet", "mobilenet-ssr", "densenet-ssr"])
def test_recipes_are_the_authors(name):
    train = resolve(name).recipe.train
    assert (train.epochs, train.batch_size, train.optimizer.type) == (90, 128, "Adam")
    assert (train.optimizer.lr, train.schedule.every, train.schedule.factor) == (0.001, 30, 0.1)


def test_what_is_expected_names_its_dataset():
    assert resolve("ssrnet").recipe.expected == {"morph": {"mae": 3.16}}
