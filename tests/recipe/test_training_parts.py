"""Optimisers and schedules are parts: any of timm's and torch's, by name, checked before torch."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.registry import OPTIMIZERS
from agekit.tasks.estimator.recipe import EstimatorRecipe

OLD = {"every": 40, "factor": 0.1, "warmup": 0.25, "decay": 0.5}
"""What every schedule said before schedules were parts."""


@pytest.mark.parametrize(
    ("name", "means", "value"),
    [
        ("SGD", "SGD", "torch.optim.sgd:SGD"),
        ("Lion", "timm/lion", "timm.optim.lion:Lion"),
        ("lamb", "timm/lamb", "timm.optim.lamb:Lamb"),
        ("timm/Lion", "timm/lion", "timm.optim.lion:Lion"),
        ("timm/adamw", "timm/adamw", "torch.optim:AdamW"),
        ("bnbadam8bit", "timm/bnbadam8bit", "bitsandbytes.optim:Adam8bit"),
    ],
)
def test_a_name_means_torchs_or_timms(name, means, value):
    entry = OPTIMIZERS.find(name)
    assert (entry.name, entry.value) == (means, value)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("train.optimizer={type: adamw}", "'adamw' may be 'AdamW' or 'timm/adamw'"),
        ("train.optimizer={type: timm/liom}", "did you mean 'timm/lion'"),
        ("train.optimizer={type: Lion, momentum: 0.9}", "'timm/lion' has no argument 'momentum'"),
        ("train.optimizer={type: Lion, betas: [0.9]}", "betas must be Tuple[float, float]"),
        ("train.optimizer={type: Lion, params: []}", "'params' is set by agekit"),
        ("train.optimizer={type: SGD, nestrov: true}", "did you mean 'nesterov'?"),
        ("train.optimizer={layer_decay: 2}", "train.optimizer.layer_decay: Input should be less"),
        ("train.optimizer=Lion", "train.optimizer: must be a mapping with a type"),
        ("train.schedule={type: cosine, warmup_epoch: 1}", "did you mean 'warmup_epochs'?"),
        ("train.schedule={type: exponential}", "'exponential' needs the argument 'gamma'"),
        ("train.schedule={evry: 2}", "schedule 'step' has no argument 'evry'"),
        ("train.accumulate=0", "train.accumulate: Input should be greater than 0"),
    ],
)
def test_mistakes_are_told_before_anything_is_imported(assignment, told):
    with pytest.raises(ConfigError) as error:
        resolve("reg-resnet18", overrides=[assignment])
    assert any(told in mistake for mistake in error.value.mistakes), error.value.mistakes


def test_no_optimizer_of_a_recipe_imports_torch():
    code = (
        "import sys; from agekit.recipe import resolve;"
        "resolve('reg-resnet18', overrides=['train.optimizer={type: Lion, lr: 0.001}']);"
        "print('torch' in sys.modules, 'timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("kind", ["step", "one-cycle", "cosine", "linear", "constant"])
def test_what_was_written_before_means_the_same(kind):
    """A run's recipe of before holds every key of every schedule, and nulls of the optimizer's."""
    now = resolve("reg-resnet18", overrides=[f"train.schedule={{type: {kind}}}"])
    data = json.loads(now.recipe.model_dump_json())
    data["train"]["schedule"] = {"type": kind, **OLD}
    del data["train"]["optimizer"]["layer_decay"], data["train"]["accumulate"]
    assert EstimatorRecipe.model_validate_json(json.dumps(data)) == now.recipe
    assert now.was(data)
