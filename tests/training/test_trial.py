"""What a trial of the parts leaves as it was, tells, and refuses; and what fails after it."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from agekit_ager.build import build_ager
from agekit_ager.recipe import AgerRecipe
from agekit_ager.trial import try_ager

from agekit.data.split import load_faces
from agekit.errors import ContractError, DataError
from agekit.recipe import resolve
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.trial import try_estimator
from agekit.training.evolver import build_evolver
from tests.training.thrown import Install, train_it


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "class Part(Train):\n    def run(self, lab): return lab.nothing()\n",
            "fails: Attrib",
        ),
        ("class Part(Train):\n    def run(self, trainer): return {}\n", "gives a dict after 0 fin"),
    ],
)
def test_what_an_evolver_does_wrong_in_its_run_is_told_as_its_own(
    source: str, says: str, plugin: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin("evolver", source)
    code = train_it(tmp_path, "evolver")
    error = capsys.readouterr().err
    assert code == 1 and f"the evolver 'thrown-bad' {says}" in error
    assert "thrown.py, line" in error


def test_a_trial_leaves_every_random_number_as_it_was(plugin: Install) -> None:
    plugin(
        "loss",
        """
        import random
        class Part(Loss):
            def forward(self, raw, target, ancestor=None):
                random.random(), np.random.rand(), torch.rand(1)
                return raw.mean()
        """,
    )
    overrides = ["evolver.losses=[{type: thrown-bad, head: reg}]", "data.size=32"]
    made = resolve("reg-resnet10-tiny", overrides=overrides).recipe
    assert isinstance(made, EstimatorRecipe)
    faces = load_faces("synthfaces", None, "tiny")
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    try_estimator(made, build_evolver(made.evolver), faces, torch.device("cpu"), 0)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert before == after


def test_a_head_that_no_loss_trains_is_told() -> None:
    changes = ["evolver.losses=[{type: l1, head: reg}]", "data.size=32"]
    made = resolve("ldl-reg-resnet10-tiny", overrides=changes).recipe
    assert isinstance(made, EstimatorRecipe)
    faces = load_faces("synthfaces", None, "tiny")
    (note,) = try_estimator(made, build_evolver(made.evolver), faces, torch.device("cpu"), 0)
    assert note.startswith("no loss trains the head 'ldl'")


@pytest.mark.parametrize(
    ("forward", "says"),
    [
        ("return self.net(images)[..., ::2]", r"gives faces of shape \(2, 3, 16, 8\), not \(2, 3"),
        ("return self.net(images).detach()", "gives faces without a gradient"),
        ("return None", "gives nothing as its faces, not a tensor"),
        ("return self.net(images) / 0", "gives faces that are not finite"),
        ("return images.cube()", "cannot take images of 16 x 16 pixels: AttributeError"),
    ],
)
def test_a_generator_is_tried_too(forward: str, says: str, plugin: Install) -> None:
    plugin(
        "generator",
        f"""
        class Part(Generator):
            def __init__(self):
                super().__init__()
                self.net = nn.Conv2d(3, 3, 1)
            def forward(self, images):
                {forward}
        """,
    )
    changes = ["data.size=16", "evolver.discriminator_layers=1"]
    made = resolve("cyclegan-thrown-bad", overrides=changes).recipe
    assert isinstance(made, AgerRecipe)
    evolver = build_evolver(made.evolver, "ager")
    with pytest.raises(ContractError, match=f"the generator 'thrown-bad' {says}") as caught:
        try_ager(made, evolver, build_ager(made.generator, 0), torch.device("cpu"))
    assert "thrown.py, line" in caught.value.where


def test_the_step_of_an_agers_evolver_is_tried_too() -> None:
    changes = ["data.size=16", "generator.width=4"]
    made = resolve("cyclegan-resnet-6blocks", overrides=changes).recipe
    assert isinstance(made, AgerRecipe)
    evolver = build_evolver(made.evolver, "ager")
    with pytest.raises(DataError, match="3 layers cannot take images of 16 x 16 pixels"):
        try_ager(made, evolver, build_ager(made.generator, 0), torch.device("cpu"))
