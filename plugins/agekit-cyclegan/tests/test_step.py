"""The training step against the reference's loop, written out in plain PyTorch."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from agekit_ager import PairBatch
from agekit_cyclegan.discriminator import PatchGAN
from agekit_cyclegan.generators import ResnetGenerator
from agekit_cyclegan.step import CycleGANStep
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import nn

from agekit.errors import ConfigError
from agekit.plugin import Generator

pytestmark = pytest.mark.slow

SIZE = 24
ADAM = {"lr": 2e-3, "betas": (0.5, 0.999)}
NAMES = {
    "G_A": "gan_a2b",
    "G_B": "gan_b2a",
    "cycle_A": "cycle_a",
    "cycle_B": "cycle_b",
    "idt_A": "identity_b",
    "idt_B": "identity_a",
    "D_A": "disc_b",
    "D_B": "disc_a",
}


def make(seed=0, dtype=torch.float64, amp=None, **options):
    torch.manual_seed(seed)
    generators = {name: ResnetGenerator(blocks=2, width=4) for name in ("a2b", "b2a")}
    discriminators = {name: PatchGAN(width=4) for name in "ab"}
    step = CycleGANStep(
        nn.ModuleDict(generators), nn.ModuleDict(discriminators), size=SIZE, dtype=amp, **options
    )
    return step.to(dtype)


def optimisers(step):
    return OptimWrapperDict(
        **{
            name: OptimWrapper(
                torch.optim.Adam(
                    [p for p in getattr(step, name).parameters() if p.requires_grad], **ADAM
                )
            )
            for name in ("generators", "discriminators")
        }
    )


def batches(count, n=2, dtype=torch.float64):
    drawn = torch.Generator().manual_seed(9)
    shape = (n, 3, SIZE, SIZE)
    return [
        PairBatch(*(torch.rand(shape, generator=drawn, dtype=dtype) * 2 - 1 for _ in "ab"))
        for _ in range(count)
    ]


def train(step, data, optimizers=None):
    optimizers = optimizers or optimisers(step)
    return [step.train_step(batch, optimizers) for batch in data]


def without_idle_biases(step):
    """The weights, less the biases before a normalisation, which the step never moves."""
    return {
        key: value
        for key, value in step.state_dict().items()
        if not key.startswith("pools")
        and not (key.endswith("bias") and not is_last(step.get_submodule(key.rpartition(".")[0])))
    }


def is_last(layer):
    """Whether no normalisation follows the layer."""
    return layer.out_channels in (1, 3) or (layer.in_channels == 3 and layer.kernel_size == (4, 4))


class Reference:
    """optimize_parameters of the reference, without its pool."""

    def __init__(self, reference, step, identity=0.5, frozen=0):
        def copied(network, plain):
            plain = plain.double()
            plain.load_state_dict(network.state_dict())
            return plain

        self.g_a, self.g_b = (
            copied(step.generators[name], reference.generator(2, 4)) for name in ("a2b", "b2a")
        )
        self.d_a, self.d_b = (
            copied(step.discriminators[name], reference.discriminator(4)) for name in "ba"
        )
        self.identity = identity
        for net in (self.g_a, self.g_b):
            for layer in net.model[: 10 + frozen if frozen else 0]:
                layer.requires_grad_(False)
        chain = itertools.chain.from_iterable
        self.opt_g = torch.optim.Adam(chain(n.parameters() for n in (self.g_a, self.g_b)), **ADAM)
        self.opt_d = torch.optim.Adam(chain(n.parameters() for n in (self.d_a, self.d_b)), **ADAM)

    def gan(self, prediction, real):
        return nn.MSELoss()(prediction, torch.full_like(prediction, float(real)))

    def __call__(self, batch):
        a, b = batch.a, batch.b
        l1 = nn.L1Loss()
        fake_b = self.g_a(a)
        rec_a = self.g_b(fake_b)
        fake_a = self.g_b(b)
        rec_b = self.g_a(fake_a)
        for net in (self.d_a, self.d_b):
            net.requires_grad_(False)
        self.opt_g.zero_grad()
        out = {
            "G_A": self.gan(self.d_a(fake_b), True),
            "G_B": self.gan(self.d_b(fake_a), True),
            "cycle_A": l1(rec_a, a) * 10,
            "cycle_B": l1(rec_b, b) * 10,
        }
        if self.identity:
            out["idt_A"] = l1(self.g_a(b), b) * 10 * self.identity
            out["idt_B"] = l1(self.g_b(a), a) * 10 * self.identity
        sum(out.values()).backward()
        self.opt_g.step()
        for net in (self.d_a, self.d_b):
            net.requires_grad_(True)
        self.opt_d.zero_grad()
        for name, net, real, fake in (("D_A", self.d_a, b, fake_b), ("D_B", self.d_b, a, fake_a)):
            out[name] = (self.gan(net(real), True) + self.gan(net(fake.detach()), False)) * 0.5
            out[name].backward()
        self.opt_d.step()
        return {name: value.item() for name, value in out.items()}

    def networks(self):
        return {
            "generators.a2b": self.g_a,
            "generators.b2a": self.g_b,
            "discriminators.b": self.d_a,
            "discriminators.a": self.d_b,
        }


def same(ours, theirs, tolerance):
    assert ours.keys() == theirs.keys()
    for key in ours:
        torch.testing.assert_close(ours[key], theirs[key], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("identity", "frozen"), [(0.5, 0), (0.0, 0), (0.5, 1), (0.0, 2)])
@pytest.mark.parametrize("plain", [False, True])
def test_step_is_the_references(reference, plain, identity, frozen):
    step = make(pool=0, plain=plain, lambda_identity=identity, freeze_blocks=frozen)
    theirs = Reference(reference, step, identity, frozen)
    data = batches(3)
    for ours, batch in zip(train(step, data), data, strict=True):
        expected = theirs(batch)
        for name, value in expected.items():
            assert ours[NAMES[name]].item() == pytest.approx(value, rel=1e-9), name
        total = sum(value for name, value in expected.items() if not name.startswith("D_"))
        assert ours["loss"].item() == pytest.approx(total, rel=1e-9)
    weights = without_idle_biases(step)
    every = {
        f"{name}.{key}": value
        for name, network in theirs.networks().items()
        for key, value in network.state_dict().items()
    }
    same(weights, {key: every[key] for key in weights}, 1e-8)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)], ids=["64", "32"]
)
@pytest.mark.parametrize("frozen", [0, 1])
def test_exact_and_plain_step_agree(frozen, dtype, tolerance):
    exact, plain = (make(dtype=dtype, pool=3, freeze_blocks=frozen, plain=p) for p in (False, True))
    data = batches(3, dtype=dtype)
    for ours, theirs in zip(train(exact, data), train(plain, data), strict=True):
        same(ours, theirs, tolerance)
    same(dict(exact.named_parameters()), dict(plain.named_parameters()), tolerance)
    assert exact.pools["a"].seen == plain.pools["a"].seen == 6


@pytest.mark.parametrize(
    ("options", "generated", "judged"),
    [({}, 4, 4), ({"plain": True}, 6, 6), ({"lambda_identity": 0.0}, 4, 4)],
)
def test_calls_of_the_networks(options, generated, judged):
    step = make(**options)
    calls = {"generators": 0, "discriminators": 0}
    for kind in calls:
        for network in getattr(step, kind).values():
            network.register_forward_hook(
                lambda *_, kind=kind: calls.__setitem__(kind, calls[kind] + 1)
            )
    train(step, batches(1))
    assert calls == {"generators": generated, "discriminators": judged}


def test_losses_are_detached_and_left_out_ones_are_zero():
    (losses,) = train(make(lambda_identity=0.0), batches(1))
    assert next(iter(losses)) == "loss"
    assert set(losses) == {"loss", *NAMES.values()}
    assert losses["identity_a"] == losses["identity_b"] == 0
    assert not any(value.requires_grad for value in losses.values())


def test_frozen_layers_stay_and_get_no_optimiser_state():
    step = make(freeze_blocks=1)
    before = {key: value.clone() for key, value in step.state_dict().items() if "pool" not in key}
    optimizers = optimisers(step)
    train(step, batches(3), optimizers)
    after = step.state_dict()
    for name in ("a2b", "b2a"):
        for index, layer in enumerate(step.generators[name].model):
            for key, _ in layer.named_parameters():
                full = f"generators.{name}.model.{index}.{key}"
                moves = index > 10 and (key.endswith("weight") or index == 19)
                assert torch.equal(before[full], after[full]) != moves, full
    held = {id(p) for g in step.generators.values() for p in g.model[:11].parameters()}
    state = optimizers["generators"].optimizer.state
    assert state
    assert not held & {id(parameter) for parameter in state}


def test_freezing_a_generator_without_blocks():
    class Other(Generator):
        pass

    parts = nn.ModuleDict({"a2b": Other(), "b2a": Other()}), nn.ModuleDict({})
    CycleGANStep(*parts, size=SIZE)
    with pytest.raises(ConfigError, match="a Other has no blocks"):
        CycleGANStep(*parts, size=SIZE, freeze_blocks=1)


def test_goes_on_exactly(tmp_path: Path):
    data = batches(6)
    whole = make(pool=3)
    train(whole, data)
    begun = make(pool=3)
    optimizers = optimisers(begun)
    train(begun, data[:4], optimizers)
    torch.save([begun.state_dict(), optimizers.state_dict()], tmp_path / "state.pth")
    states = torch.load(tmp_path / "state.pth", weights_only=True)
    resumed = make(seed=1, pool=3)
    optimizers = optimisers(resumed)
    resumed.load_state_dict(states[0])
    optimizers.load_state_dict(states[1])
    train(resumed, data[4:], optimizers)
    for key, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[key]), key


def test_gradients_can_be_accumulated():
    step = make(pool=0)
    before = [p.clone() for p in step.parameters()]
    wrappers = {
        name: OptimWrapper(
            torch.optim.SGD(getattr(step, name).parameters(), lr=1e-3), accumulative_counts=2
        )
        for name in ("generators", "discriminators")
    }
    optimizers = OptimWrapperDict(**wrappers)
    first, second = batches(2)
    train(step, [first], optimizers)
    assert all(torch.equal(p, b) for p, b in zip(step.parameters(), before, strict=True))
    train(step, [second], optimizers)
    assert any(not torch.equal(p, b) for p, b in zip(step.parameters(), before, strict=True))


def test_bfloat16_is_near_and_losses_stay_in_float32():
    wide, narrow = (make(dtype=torch.float32, **o) for o in ({}, {"amp": torch.bfloat16}))
    (data,) = batches(1, dtype=torch.float32)
    (expected,), (losses,) = train(wide, [data]), train(narrow, [data])
    for name, value in losses.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, expected[name], rtol=0.02, atol=0.02)
    assert all(p.dtype == torch.float32 for p in narrow.parameters())


TWO = """
import sys, torch, torch.distributed as dist
sys.path.insert(0, {folder!r})
import test_step as t
from agekit_ager.pairs import PairBatch
dist.init_process_group("gloo")
rank = dist.get_rank()
step = t.make(seed=rank, pool=3)
step.parallelise()
mine = [PairBatch(d.a[rank::2], d.b[rank::2]) for d in t.batches(3, n=4)]
t.train(step, mine)
torch.save(step.state_dict(), {out!r} + str(rank))
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_are_one_with_their_batches_together(tmp_path: Path):
    script = tmp_path / "two.py"
    script.write_text(TWO.format(folder=str(Path(__file__).parent), out=str(tmp_path / "state")))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*command, str(script)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    one = make(seed=0, pool=3)
    train(one, batches(3, n=4))
    first, second = (torch.load(tmp_path / f"state{rank}", weights_only=True) for rank in (0, 1))
    for key, value in first.items():
        assert torch.equal(value, second[key]), key
    same(first, one.state_dict(), 1e-9)
