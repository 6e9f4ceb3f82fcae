"""The networks against the reference's layer table."""

from __future__ import annotations

import pytest
import torch
from agekit_cyclegan.discriminator import PatchGAN
from agekit_cyclegan.generators import ResnetGenerator, resnet_6blocks, resnet_9blocks

from agekit.errors import ConfigError, DataError


def count(network, trained=False):
    return sum(p.numel() for p in network.parameters() if p.requires_grad or not trained)


@pytest.mark.parametrize(
    ("factory", "parameters", "tensors"),
    [
        (resnet_9blocks, 11_378_179, 48),
        (resnet_6blocks, 7_837_699, 36),
        (PatchGAN, 2_764_737, 10),
    ],
)
def test_parameters(factory, parameters, tensors):
    with torch.device("meta"):
        network = factory()
    assert count(network) == parameters
    assert len(network.state_dict()) == tensors


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize(("factory", "blocks"), [(resnet_6blocks, 6), (resnet_9blocks, 9)])
def test_generator_is_the_references(reference, factory, blocks, dropout):
    ours = factory(width=4, dropout=dropout).eval()
    theirs = reference.generator(blocks, 4, dropout).eval()
    assert {k: v.shape for k, v in ours.state_dict().items()} == {
        k: v.shape for k, v in theirs.state_dict().items()
    }
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 32, 24) * 2 - 1
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


def test_names_of_the_layer_table():
    with torch.device("meta"):
        names = set(resnet_9blocks().state_dict())
    flat = [f"model.{i}" for i in (1, 4, 7, 19, 22, 26)]
    inside = [f"model.{i}.conv_block.{j}" for i in range(10, 19) for j in (1, 5)]
    assert names == {f"{name}.{kind}" for name in flat + inside for kind in ("weight", "bias")}


def test_discriminator_is_the_references(reference):
    ours, theirs = PatchGAN(width=4), reference.discriminator(4)
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    assert ours(x).shape == (2, 1, 6, 6)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


def test_discriminator_of_other_depths():
    assert PatchGAN(width=4, layers=2)(torch.zeros(1, 3, 32, 32)).shape == (1, 1, 6, 6)
    assert PatchGAN(width=4, layers=5).model[-1].in_channels == 32


def test_new_weights_come_from_the_global_generator():
    torch.manual_seed(3)
    first = resnet_6blocks(width=16)
    torch.manual_seed(3)
    second = resnet_6blocks(width=16)
    weights = torch.cat([p.flatten() for p in first.parameters() if p.ndim == 4])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert abs(weights.mean().item()) < 1e-4
    assert all((p == 0).all() for p in first.parameters() if p.ndim == 1)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("blocks", "trained"), [(0, 11_378_179), (7, 2_738_563), (8, 1_558_403), (9, 378_243)]
)
def test_freezing_up_to_a_block(blocks, trained):
    with torch.device("meta"):
        network = resnet_9blocks()
    network.freeze(blocks)
    assert count(network, trained=True) == trained
    network.freeze(0)
    assert count(network, trained=True) == 11_378_179


def test_frozen_blocks_still_pass_gradients():
    network = resnet_6blocks(width=4)
    network.freeze(6)
    x = torch.rand(1, 3, 16, 16, requires_grad=True)
    network(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert network.model[10].conv_block[1].weight.grad is None


def test_frozen_layers_store_nothing_for_images():
    network = resnet_6blocks(width=4)
    network.freeze(6)
    assert not network.model[:16](torch.rand(1, 3, 16, 16)).requires_grad


def test_bad_arguments():
    with pytest.raises(ConfigError, match="7 is not from 0 to 6"):
        resnet_6blocks(width=4).freeze(7)
    with pytest.raises(ConfigError, match="at least 1"):
        ResnetGenerator(blocks=0)
    with pytest.raises(ConfigError, match="at least 1"):
        PatchGAN(width=0)


def test_bad_sizes():
    with pytest.raises(DataError, match="30 x 32 pixels"):
        resnet_6blocks(width=4)(torch.zeros(1, 3, 32, 30))
    with pytest.raises(DataError, match="16 x 32 pixels"):
        PatchGAN(width=4)(torch.zeros(1, 3, 32, 16))
