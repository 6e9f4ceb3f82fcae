"""Checkpoints of the reference, its forks and others: read, refused by name, written back."""

from __future__ import annotations

import logging
import os
import pickle
import warnings
from collections import OrderedDict
from functools import partial

import pytest
import torch
from agekit_cyclegan.checkpoints import (
    build,
    export_networks,
    generator_weights,
    network_files,
    read_checkpoint,
)
from agekit_cyclegan.discriminator import PatchGAN
from agekit_cyclegan.generators import resnet_6blocks, resnet_9blocks
from torch import nn

from agekit.errors import ModelError

AFFINE = partial(nn.InstanceNorm2d, affine=True)
OLD = partial(nn.InstanceNorm2d, track_running_stats=True)


def trained(network):
    """Weights as after training, none of them zero or one."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape) * (0.1 if parameter.ndim == 4 else 0.5))
    return network.eval()


def saved(state, path, **how):
    torch.save(state, path, **how)
    return path


def renamed(state, rule):
    return OrderedDict((rule(key), value) for key, value in state.items())


def check(checkpoint, network):
    """The converted network gives what the original gives, and has its tensors."""
    ours = build(checkpoint.architecture).eval()
    ours.load_state_dict(checkpoint.tensors)
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    torch.testing.assert_close(ours(x), network(x), rtol=0, atol=1e-5)
    kept = dict(network.named_parameters())
    assert checkpoint.tensors.keys() == kept.keys()
    assert all(torch.equal(checkpoint.tensors[key], kept[key]) for key in kept)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("blocks", [6, 9])
def test_generators(reference, tmp_path, blocks, dropout):
    network = trained(reference.generator(blocks, 4, dropout))
    checkpoint = read_checkpoint(saved(network.state_dict(), tmp_path / "latest_net_G.pth"))
    check(checkpoint, network)
    found = checkpoint.architecture
    assert (found.kind, found.depth, found.width) == ("generator", blocks, 4)
    assert (found.dropout, found.affine) == (dropout, False)
    wanted = {"type": f"resnet-{blocks}blocks", "width": 4}
    assert found.generator == (wanted | {"dropout": True} if dropout else wanted)
    assert len(checkpoint.notes) == dropout


def test_discriminators(reference, tmp_path):
    network = trained(reference.discriminator(4))
    checkpoint = read_checkpoint(saved(network.state_dict(), tmp_path / "latest_net_D_A.pth"))
    check(checkpoint, network)
    assert str(checkpoint.architecture) == "a PatchGAN discriminator of 3 layers, width 4"


@pytest.mark.parametrize(
    ("rule", "note"),
    [
        (lambda key: f"module.{key}", "took the prefixes"),
        (lambda key: f"_orig_mod.{key}", "took the prefixes"),
        (lambda key: f"module._orig_mod.{key}", "took the prefixes"),
        (lambda key: key.replace("model.", "model._orig_mod.", 1), "took the prefixes"),
        (lambda key: key.replace("conv_block", "block"), "renamed 'block'"),
        (lambda key: key.removeprefix("model."), None),
    ],
    ids=["parallel", "compiled", "both", "compiled inside", "block", "bare sequence"],
)
def test_other_names(reference, tmp_path, rule, note):
    network = trained(reference.generator(6, 4))
    state = renamed(network.state_dict(), rule)
    checkpoint = read_checkpoint(saved(state, tmp_path / "net.pth"))
    check(checkpoint, network)
    assert [n.startswith(note or "-") for n in checkpoint.notes] == [True] * bool(note)


def test_running_statistics_of_old_files(reference, tmp_path):
    network = trained(reference.generator(6, 4, norm=OLD)).train()
    state = network.state_dict()
    assert "model.2.running_mean" in state
    checkpoint = read_checkpoint(saved(state, tmp_path / "net.pth"))
    plain = reference.generator(6, 4)
    plain.load_state_dict(checkpoint.tensors)
    check(checkpoint, plain.eval())
    assert checkpoint.notes == ("left out 51 running statistics, which PyTorch before 0.4 wrote",)


def test_file_of_old_format_half_precision_and_inside_a_larger_one(reference, tmp_path):
    network = trained(reference.generator(6, 4)).half().float()
    state = {"epoch": 3, "state_dict": network.half().state_dict()}
    path = saved(state, tmp_path / "net.pth", _use_new_zipfile_serialization=False)
    checkpoint = read_checkpoint(path)
    check(checkpoint, network.float())
    assert checkpoint.notes == ("took the network under 'state_dict'",)


@pytest.mark.parametrize("dropout", [False, True])
def test_affine_normalisation(reference, tmp_path, dropout):
    network = trained(reference.generator(9, 4, dropout, norm=AFFINE))
    state = renamed(network.state_dict(), lambda key: key.replace("conv_block", "block"))
    checkpoint = read_checkpoint(saved(state, tmp_path / "net.pth"))
    check(checkpoint, network)
    assert checkpoint.architecture.affine
    start = checkpoint.without_affine()
    assert not start.architecture.affine
    resnet_9blocks(width=4, dropout=dropout).load_state_dict(start.tensors)
    assert start.notes[-1].startswith("left out 46 tensors")
    assert start.without_affine() == start


def unet():
    inner = nn.Sequential(nn.Conv2d(4, 4, 4), nn.ConvTranspose2d(4, 4, 4))
    for _ in range(2):
        block = nn.Module()
        block.model = inner
        inner = nn.Sequential(nn.Conv2d(3, 4, 4), block)
    outer = nn.Module()
    outer.model = block
    return outer.state_dict()


def batch_norm(reference):
    network = reference.generator(6, 4, norm=nn.BatchNorm2d)
    return {k: v for k, v in network.state_dict().items() if not is_conv_bias(network, k)}


def is_conv_bias(network, key):
    layer = network.get_submodule(key.rpartition(".")[0])
    return key.endswith("bias") and isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d))


def patched(state, **changes):
    out = dict(state)
    for key, value in changes.items():
        out[key.replace("__", ".")] = value
    return out


BAD = {
    "U-Net": (lambda r: unet(), "a U-Net generator"),
    "batch norm": (batch_norm, "batch normalisation"),
    "pixel": (lambda r: {"net.0.weight": torch.zeros(4, 3, 1, 1)}, "a pixel discriminator"),
    "spectral": (
        lambda r: {"model.0.weight_orig": torch.zeros(4, 3, 4, 4)},
        "spectral or weight normalisation",
    ),
    "pix2pixHD": (lambda r: {"model1_1.0.weight": torch.zeros(4)}, "pix2pixHD"),
    "other": (
        lambda r: {"conv1.weight": torch.zeros(4), "bn1.weight": torch.zeros(4)},
        "no network of CycleGAN: its first tensors are conv1.weight, bn1.weight",
    ),
    "7 blocks": (lambda r: r.generator(7, 4).state_dict(), "of 7 blocks; agekit has 6 and 9"),
    "grey": (
        lambda r: patched(r.generator().state_dict(), model__1__weight=torch.zeros(4, 1, 7, 7)),
        "images of 1 channels",
    ),
    "resizing": (
        lambda r: {k: v for k, v in r.generator().state_dict().items() if "model.16." not in k},
        "such as one that resizes: model.16.weight is no convolution",
    ),
    "missing": (
        lambda r: {k: v for k, v in r.generator().state_dict().items() if k != "model.4.bias"},
        "resnet-6blocks, width 4, but model.4.bias is missing",
    ),
    "shape": (
        lambda r: patched(r.generator().state_dict(), model__4__bias=torch.zeros(5)),
        r"model.4.bias is \(5,\), not \(8,\)",
    ),
    "not finite": (
        lambda r: patched(r.generator().state_dict(), model__4__bias=torch.full((8,), torch.nan)),
        "model.4.bias has values that are no numbers",
    ),
    "affine discriminator": (
        lambda r: patched(r.discriminator().state_dict(), model__3__weight=torch.zeros(8)),
        "model.3.weight is too many",
    ),
    "several": (
        lambda r: {"G_A": r.generator().state_dict(), "epoch": 3},
        "other things than one network's tensors: G_A, epoch",
    ),
    "list": (lambda r: [torch.zeros(3)], "holds no state dict"),
    "empty": (lambda r: {}, "holds no state dict"),
}


@pytest.mark.parametrize("case", BAD)
def test_refused(reference, tmp_path, case):
    make, message = BAD[case]
    path = saved(make(reference), tmp_path / "bad_net.pth")
    with pytest.raises(ModelError, match=message) as caught:
        read_checkpoint(path)
    assert "bad_net.pth" in caught.value.message
    assert caught.value.hint


class Code:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("how", ["zip", "old", "pickle"])
def test_code_is_refused_and_not_run(tmp_path, how):
    path, mark = tmp_path / "evil_net_G.pth", tmp_path / "mark"
    state = {"model.1.weight": Code(mark)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(state, protocol=2))
    else:
        saved(state, path, _use_new_zipfile_serialization=how == "zip")
    with pytest.raises(ModelError, match=r"holds code \(\w+\.mkdir\).* was not loaded"):
        read_checkpoint(path)
    assert not mark.exists()


def test_a_whole_network_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"holds code \(agekit_cyclegan"):
        read_checkpoint(saved(PatchGAN(width=2), tmp_path / "net.pth"))


def test_a_program_is_refused(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "net.pth")
        with pytest.raises(ModelError, match="TorchScript"):
            read_checkpoint(tmp_path / "net.pth")


def test_files_that_are_no_checkpoints(reference, tmp_path):
    path = saved(reference.generator().state_dict(), tmp_path / "net.pth")
    path.write_bytes(path.read_bytes()[:3000])
    (tmp_path / "text.pth").write_text("not found")
    (tmp_path / "empty.pth").write_bytes(b"")
    for name in ("net", "text", "empty"):
        with pytest.raises(ModelError, match=f"{name}.pth is no checkpoint"):
            read_checkpoint(tmp_path / f"{name}.pth")
    with pytest.raises(ModelError, match=r"none\.pth cannot be read: No such file"):
        read_checkpoint(tmp_path / "none.pth")
    with pytest.raises(ModelError, match="cannot be read: Is a directory"):
        read_checkpoint(tmp_path)


def test_in_and_out_again_unchanged(reference, tmp_path):
    theirs = {
        "G_A": trained(reference.generator(9, 4)),
        "G_B": trained(reference.generator(9, 4)),
        "D_A": trained(reference.discriminator(4)),
        "D_B": trained(reference.discriminator(4)),
    }
    for name, network in theirs.items():
        saved(network.state_dict(), tmp_path / f"latest_net_{name}.pth")
    networks = {}
    for name, file in network_files(tmp_path).items():
        checkpoint = read_checkpoint(file)
        networks[name] = build(checkpoint.architecture)
        networks[name].load_state_dict(checkpoint.tensors)
    files = export_networks(tmp_path / "out", networks, epoch="200")
    assert {f.name for f in files} == {f"200_net_{name}.pth" for name in theirs}
    for name, network in theirs.items():
        state = torch.load(tmp_path / f"out/200_net_{name}.pth", weights_only=True)
        assert type(state) is OrderedDict
        assert list(state) == list(network.state_dict())
        assert all(torch.equal(state[k], v) for k, v in network.state_dict().items())
        network.load_state_dict(state)
    a, b = networks["b"].state_dict(), theirs["D_A"].state_dict()
    assert all(torch.equal(a[key], b[key]) for key in b)


@pytest.mark.slow
def test_compiled_networks_are_written_under_plain_names(tmp_path):
    network = resnet_6blocks(width=4)
    network.compile()
    (file,) = export_networks(tmp_path, {"a2b": network})
    assert next(iter(torch.load(file, weights_only=True))) == "model.1.weight"


def test_what_the_reference_lacks_is_not_written(tmp_path):
    with pytest.raises(ModelError, match="'a2b' is resnet-6blocks, width 4 with affine"):
        export_networks(tmp_path, {"a2b": resnet_6blocks(width=4, affine=True)})
    assert not list(tmp_path.iterdir())


def test_newest_of_a_folder(reference, tmp_path):
    state = reference.generator(6, 4).state_dict()
    for name in ("5_net_G_A", "100_net_G_A", "20_net_G_A", "iter_900_net_G_B", "latest_net_G_B"):
        saved(state, tmp_path / f"{name}.pth")
    names = {name: file.name for name, file in network_files(tmp_path).items()}
    assert names == {"a2b": "100_net_G_A.pth", "b2a": "latest_net_G_B.pth"}


def test_starting_an_ager(reference, tmp_path, caplog):
    a, b = trained(reference.generator(6, 4)), trained(reference.generator(6, 4))
    saved(a.state_dict(), tmp_path / "latest_net_G_A.pth")
    saved(b.state_dict(), tmp_path / "latest_net_G_B.pth")
    weights = generator_weights(tmp_path)
    assert torch.equal(weights["old.model.1.weight"], a.state_dict()["model.1.weight"])
    assert torch.equal(weights["young.model.1.weight"], b.state_dict()["model.1.weight"])
    both = generator_weights(tmp_path / "latest_net_G_B.pth")
    assert both.keys() == weights.keys()
    assert torch.equal(both["old.model.1.weight"], b.state_dict()["model.1.weight"])
    assert not caplog.records


def test_starting_from_a_published_generator_with_affine_normalisation(reference, tmp_path, caplog):
    network = trained(reference.generator(6, 4, norm=AFFINE))
    saved(network.state_dict(), tmp_path / "latest_net_G.pth")
    with caplog.at_level(logging.WARNING):
        weights = generator_weights(tmp_path, affine=False)
    assert len(weights) == 2 * 36
    assert ["left out 34 tensors" in record.message for record in caplog.records] == [True]
    whole = generator_weights(tmp_path)
    assert len(whole) == 2 * (36 + 34)
    assert torch.equal(whole["young.model.2.weight"], network.state_dict()["model.2.weight"])


def test_nothing_to_start_from(reference, tmp_path):
    with pytest.raises(ModelError, match="no networks of the reference"):
        generator_weights(tmp_path)
    with pytest.raises(ModelError, match="no model, run or checkpoint"):
        generator_weights(tmp_path / "none")
    path = saved(reference.discriminator().state_dict(), tmp_path / "latest_net_D_A.pth")
    with pytest.raises(ModelError, match="discriminators only"):
        generator_weights(tmp_path)
    with pytest.raises(ModelError, match="holds a PatchGAN discriminator"):
        generator_weights(path)


def test_reading_leaves_the_random_state_alone(reference, tmp_path):
    path = saved(reference.generator(6, 4).state_dict(), tmp_path / "net.pth")
    before = torch.get_rng_state()
    read_checkpoint(path)
    assert torch.equal(torch.get_rng_state(), before)
