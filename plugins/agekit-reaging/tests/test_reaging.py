"""The re-aging network, its guides and its training."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from agekit_ager import load_aging
from agekit_prototypes.bands import oval
from agekit_prototypes.network import PrototypeAger
from agekit_reaging.discriminator import AgeDiscriminator
from agekit_reaging.evolver import Reaging
from agekit_reaging.guide import Guide
from agekit_reaging.network import ChangeUNet
from agekit_reaging.step import GameStep, TeacherStep
from agekit_synthfaces import draw, person
from agekit_synthfaces.dataset import SynthFaces

from agekit.cli import main
from agekit.data.augment import normalise
from agekit.errors import ConfigError
from agekit.faces.align import cut_framed, frame, known_points
from agekit.plugin import Batch, Generator, locate, optim_wrappers
from agekit.recipe import TrainConfig, resolve
from agekit.tasks.estimator.build import load_estimator
from agekit.training.evolver import build_evolver

AGES = torch.tensor([8.0, 25.0, 40.0, 70.0])
WEIGHTS = {"game": 0.1, "cycle": 1.0, "smooth": 0.1, "teacher": 1.0, "guide": 0.1, "r1": 1.0}


def faces(size=32):
    """Drawn people of four ages in the frame of the network, (4, 3, S, S) from -1 to 1."""
    have = known_points(SynthFaces.alignment)
    chips = [
        cut_framed(draw(person(7, k), float(age), 96, 1), have, frame(0.05), size)
        for k, age in enumerate(AGES)
    ]
    return torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).float() / 127.5 - 1


def batch(size=32):
    return Batch(faces(size), AGES, torch.zeros(4), torch.arange(4))


def moved(network):
    """A network whose change is not nothing any more."""
    with torch.no_grad():
        network.fine[-1].weight.normal_(0, 0.3)
    return network


class Darker(Generator):
    """A teacher: older is darker, in proportion."""

    takes_ages = True

    def forward(self, images, age, to):
        return (images - ((to - age) / 200)[:, None, None, None]).clamp(-1, 1)


def test_a_new_network_changes_nothing_and_a_trained_one_leaves_its_own_age_and_the_outside():
    images, network = faces(), ChangeUNet(8).eval()
    assert torch.equal(network(images, AGES, AGES + 20), images)
    moved(network)
    assert torch.equal(network(images, AGES, AGES), images)
    change = (network(images, AGES, AGES.flip(0)) - images).abs().amax(1)
    outside = oval(network.points, 32) > 1.16
    assert change.max() > 0.05 and change[:, outside].max() == 0


def test_without_chroma_no_colour_changes():
    # So little that no value is cut off at black or white, which would change the colour.
    images, network = faces() / 2, moved(ChangeUNet(8, light=0.2, chroma=0)).eval()
    change = network(images, AGES, AGES.flip(0)) - images
    assert change.abs().max() > 0.01
    assert (change - change.mean(1, keepdim=True)).abs().max() < 1e-5


@pytest.mark.parametrize("wrong", [{"width": 3}, {"chroma": -0.1}, {"light": 1.5}])
def test_arguments_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"generator.{next(iter(wrong))}"):
        ChangeUNet(**wrong)


@pytest.mark.parametrize("wrong", [{"game": -1.0}, {"width": 0}, {"most": 0}, {"jitter": 1.5}])
def test_an_evolver_refuses_what_cannot_be(wrong):
    with pytest.raises(ConfigError, match=f"evolver.{next(iter(wrong))}"):
        Reaging(**wrong)


def test_a_guide_sees_as_its_estimator_does_and_sends_gradients_to_faces_alone():
    photo = draw(person(7, 3), 40, 160, 1)
    have = known_points(SynthFaces.alignment)
    network, config = load_estimator(locate("cen-resnet10-tiny"))
    image = config.image
    pixels = torch.from_numpy(cut_framed(photo, have, known_points(config.face), image.size))
    chip = normalise(
        pixels[None], torch.tensor(image.mean), torch.tensor(image.std), crop_pct=image.crop_pct
    )
    with torch.no_grad():
        spread = network.estimate(network(chip)).distribution
    first, last = network.ages
    said = float((spread * torch.arange(first, last + 1)).sum())
    shown = torch.from_numpy(cut_framed(photo, have, frame(0.05), 160)).permute(2, 0, 1)[None]
    guide = Guide("cen-resnet10-tiny", frame(0.05), torch.device("cpu"))
    images = (shown.float() / 127.5 - 1).requires_grad_()
    age = guide(images, torch.zeros(1, 4))
    assert abs(age.item() - said) < 1.5, "the pixels are resampled once more"
    age.sum().backward()
    assert images.grad.abs().max() > 0
    assert all(p.grad is None for p in guide.parameters()) and not guide.train().training
    assert abs(guide(images, torch.ones(1, 4)).item() - age.item()) > 0.01
    still = Guide("cen-resnet10-tiny", frame(0.05), torch.device("cpu"), jitter=0)
    assert still(images, torch.ones(1, 4)).item() == age.item()


def test_the_recipe_learns_from_the_prototypes_of_the_zoo():
    recipe = resolve("reaging").recipe
    evolver = build_evolver(recipe.evolver, "ager")
    network = ChangeUNet(**recipe.generator.arguments)
    teacher, reach = evolver._teacher(network, torch.device("cpu"))
    assert isinstance(teacher, PrototypeAger) and reach == (1, 85)
    assert teacher.shape.abs().max() > 0 and not teacher.training


def test_a_teacher_is_asked_for_no_age_beyond_its_own(monkeypatch):
    asked = []

    def step(network, teacher, ages, dtype):
        asked.append(ages)
        return network

    class Learnt(Exception):
        """That the first generation was begun."""

    def generation(number, learn):
        learn(ChangeUNet(8))
        raise Learnt

    monkeypatch.setattr("agekit_reaging.evolver.TeacherStep", step)
    monkeypatch.setattr(Reaging, "_teacher", lambda *_: (Darker(), (10.0, 85.0)))
    recipe, device = resolve("reaging").recipe, torch.device("cpu")
    trainer = SimpleNamespace(recipe=recipe, device=device, ages=(1.0, 116.0))
    trainer.build, trainer.generation = lambda seed: None, generation
    with pytest.raises(Learnt):
        Reaging().run(trainer)
    assert asked == [(10.0, 85.0)]


@pytest.mark.slow
def test_a_teacher_is_learnt():
    torch.manual_seed(0)
    network = ChangeUNet(8)
    step = TeacherStep(network, Darker(), (5.0, 80.0))
    config = TrainConfig(epochs=1, optimizer={"type": "Adam", "lr": 0.003})
    optimizer = optim_wrappers(config, step, ())
    first, *_, last = [float(step.train_step(batch(), optimizer)["loss"]) for _ in range(60)]
    assert last < 0.7 * first


def test_guides_see_what_changes_of_the_light_alone():
    seen = []

    def guide(images, jitter):
        seen.append(images)
        return images.mean((1, 2, 3))

    step = GameStep(ChangeUNet(8), AgeDiscriminator(4), None, [guide], WEIGHTS, steps=1)
    before, redder = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    redder[:, 0] = 0.2
    step._guided(before, redder, torch.tensor([20.0]))
    light, after = torch.tensor([0.299, 0.587, 0.114]), seen[1]
    assert torch.equal(seen[0], before) and (after == after[:, :1]).all()
    assert float((after * light[:, None, None]).sum(1).mean()) == pytest.approx(0.2 * 0.299)


def test_a_game_moves_both_and_lets_guides_in_late():
    torch.manual_seed(0)
    network, opponent = moved(ChangeUNet(8)), AgeDiscriminator(4)
    guide = Guide("cen-resnet10-tiny", network.points, torch.device("cpu"))
    step = GameStep(network, opponent, Darker(), [guide], WEIGHTS, steps=3)
    before = {name: value.clone() for name, value in step.state_dict().items()}
    assert not any("guide" in name or "teacher" in name for name in before)
    config = TrainConfig(epochs=1, optimizer={"type": "Adam", "lr": 0.001})
    optimizer = optim_wrappers(config, step, ("ager", "discriminator"))
    losses = [step.train_step(batch(), optimizer) for _ in range(3)]
    assert float(losses[0]["guide"]) == 0 < float(losses[2]["guide"])
    assert int(step.done) == 3
    for part in ("ager", "discriminator"):
        names = [name for name in before if name.startswith(part)]
        assert any(not torch.equal(before[n], step.state_dict()[n]) for n in names)


@pytest.mark.slow
def test_a_run_makes_a_model_that_ages_faces(tmp_path):
    out = tmp_path / "run"
    sets = ["generator.width=4", "evolver.width=4", "evolver.teacher=null", "evolver.guides=[]"]
    changes = [word for one in [*sets, "data.size=32", "evolver.most=3"] for word in ("--set", one)]
    words = ["train", "reaging", "synthfaces", "--protocol", "tiny", "--device", "cpu"]
    with pytest.raises(SystemExit) as end:
        main([*words, "--epochs", "1", "--out", str(out), *changes])
    assert end.value.code == 0
    config = json.loads((out / "model" / "config.json").read_text())
    assert config["generator"]["type"] == "change-unet" and config["ages"][1] > 60
    assert load_aging(out / "model", "cpu").ages == tuple(config["ages"])
