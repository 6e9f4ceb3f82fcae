"""Forests and anchors trained through the command line: learnt, killed, shared by processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from agekit_regression.evolver import Forest
from agekit_regression.leaf_hook import LeafUpdates
from safetensors.torch import load_file

from agekit.errors import ConfigError
from agekit.recipe import LossTerm, resolve
from agekit.training.evolver import build_evolver

TINY = (
    *("synthfaces", "--protocol", "tiny", "--preset", "quick", "--device", "cpu"),
    *("--set", "train.batch_size=32", "--set", "train.amp=fp32"),
)
BRIEF = (*TINY, "--set", "data.size=16", "--epochs", "4", "--set", "evolver.every=5")
"""11 batches an epoch: the leaves are fitted within epochs, and over the end of each."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    left_out = ("AGEKIT_", "PYTHONDONTWRITEBYTECODE")
    own = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    cache = str(tmp_path_factory.mktemp("cache"))
    return {**own, "AGEKIT_CACHE": cache, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


@pytest.fixture
def agekit(environment, tmp_path):
    def run(*arguments, launch=("-m", "agekit")):
        done = subprocess.run(
            [sys.executable, *launch, *map(str, arguments)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def weights(run):
    return load_file(run / "model" / "model.safetensors")


@pytest.mark.slow
@pytest.mark.heavy
@pytest.mark.parametrize("name", ["arn-resnet10-tiny", "drf-resnet10-tiny"])
def test_a_short_training_beats_the_constant_guess(name, agekit, tmp_path):
    """Always 40 years is 20.8 years off on these faces."""
    options = [*TINY, "--set", "data.size=32", "--epochs", "8", "--json"]
    answer = json.loads(agekit("train", name, *options, "--out", tmp_path / "run"))
    assert answer["metrics"]["test"]["mae"] < 18


@pytest.mark.slow
@pytest.mark.heavy
def test_a_killed_forest_ends_bit_identical(agekit, environment, tmp_path):
    arguments = ["train", "drf-resnet10-tiny", *BRIEF]
    agekit(*arguments, "--out", tmp_path / "whole")

    run = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "agekit", *arguments, "--out", str(run)],
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoint = run / "generation-1" / "checkpoint.pth"
    end = time.monotonic() + 600
    while not checkpoint.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    saved = torch.load(checkpoint, weights_only=True)
    left = saved["step"] % 5 * 32
    assert left > 0
    assert saved["forest"]["heads.forest"].shape == (left, 5, 32)
    assert saved["forest"]["age"].shape == (left,)

    agekit("train", "--resume", run)
    mine, theirs = weights(run), weights(tmp_path / "whole")
    assert mine.keys() == theirs.keys()
    for key, value in theirs.items():
        assert torch.equal(mine[key], value), key
    first, *others = theirs["heads.forest.mean"]
    assert not any(torch.allclose(first, o, atol=0.1) for o in others), "all start alike"


@pytest.mark.slow
@pytest.mark.heavy
def test_two_processes_fit_the_leaves_of_one(agekit, tmp_path):
    plain = ["--set", "train.optimizer.type=SGD", "--set", "train.optimizer.lr=0.001"]
    arguments = ["train", "drf-resnet10-tiny", *BRIEF, *plain, "--set", "evolver.iterations=3"]
    agekit(*arguments, "--out", tmp_path / "one")
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "agekit")
    agekit(*arguments, "--out", tmp_path / "two", launch=launch)
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    for key in ("heads.forest.mean", "heads.forest.variance"):
        assert torch.allclose(two[key], one[key], rtol=1e-2, atol=1e-2), key


def test_another_models_leaves_are_left_as_they_are():
    trainer = SimpleNamespace(
        initial={"heads.forest.mean": None, "heads.reg.fc.weight": None},
        faces=SimpleNamespace(age=lambda split: torch.tensor([1.0, 2.0])),
        generation=lambda number, terms, *, hooks: (number, terms, hooks),
    )
    evolver = build_evolver(resolve("drf-resnet18").recipe.evolver)
    number, terms, (hook,) = evolver.run(trainer)
    assert number == 1
    assert [(t.type, t.head) for t in terms] == [("forest-l2", "forest")]
    assert isinstance(hook, LeafUpdates)
    assert (hook.every, hook.iterations, hook.given) == (50, 20, {"forest"})


def test_the_evolver_needs_a_forest():
    network = SimpleNamespace(heads=torch.nn.ModuleDict({"reg": torch.nn.Identity()}))
    runner = SimpleNamespace(model=SimpleNamespace(network=network))
    hook = LeafUpdates(every=5, iterations=1, min_sigma=0.1, age=torch.tensor([1.0]))
    with pytest.raises(ConfigError, match="finds no head of the type 'forest'"):
        hook.before_train(runner)


@pytest.mark.parametrize("wrong", [{"every": 0}, {"iterations": 0}, {"min_sigma": 0.0}])
def test_wrong_arguments_are_told(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Forest(losses=[LossTerm(type="forest-l2", head="forest")], **wrong)
