"""``--init`` from state dicts of torchvision and timm."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models.resnet import BasicBlock, ResNet

from agekit.data.split import Faces, load_faces
from agekit.errors import ConfigError, ModelError
from agekit.recipe import resolve
from agekit.tasks.estimator.initial import estimator_start
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.resnet import resnet10_tiny
from agekit.training.task import Start


@pytest.fixture(scope="module")
def faces(chips: Path) -> Faces:
    return load_faces("csv", chips, "column")


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    """Those of the backbone `resnet10-tiny`, with a classifier as torchvision calls it."""
    return {**resnet10_tiny().state_dict(), "fc.weight": torch.ones(5, 256)}


def start(path: Path, faces: Faces, name: str = "reg-resnet10-tiny") -> Start:
    recipe = resolve(name, preset="finetune").recipe
    assert isinstance(recipe, EstimatorRecipe)
    return estimator_start(path, recipe, faces, ())


@pytest.mark.parametrize("prefix", ["", "module.", "backbone.", "module.model._orig_mod."])
@pytest.mark.parametrize("wrappers", [(), ("state_dict",), ("model",), ("model_ema",)])
def test_names_and_wrappers(tmp_path, faces, weights, prefix, wrappers):
    content = {prefix + name: value for name, value in weights.items()}
    for key in wrappers:
        content = {key: content, "epoch": 3, "optimizer": {"state": {}}}
    torch.save(content, tmp_path / "w.pth")
    found = start(tmp_path / "w.pth", faces)
    assert len(found.weights) == len(weights) - 1
    for name, value in found.weights.items():
        assert torch.equal(value, weights[name.removeprefix("backbone.")])
    told = f"{prefix}fc.weight"
    assert f"left out: {told}" in found.notes[0] and "head reg is made anew" in found.notes[0]
    assert found.face is None and found.info["init_name"] == "w"


def test_torchvision_timm_and_safetensors(tmp_path, faces):
    torch.save(ResNet(BasicBlock, [1, 1, 1, 1]).state_dict(), tmp_path / "tv.pth")
    assert (
        "left out: fc.bias, fc.weight" in start(tmp_path / "tv.pth", faces, "reg-resnet10").notes[0]
    )
    name = "test_convnext.r160_in1k"
    save_file(timm.create_model(name).state_dict(), tmp_path / "t.safetensors")
    found = start(tmp_path / "t.safetensors", faces, "reg-timm/test_convnext")
    assert "left out: head.fc.bias, head.fc.weight" in found.notes[0]
    assert "backbone.head.norm.weight" in found.weights


def test_half_precision_and_older_files(tmp_path, faces, weights):
    old = {
        name: value.half() if value.is_floating_point() else value
        for name, value in weights.items()
        if not name.endswith("num_batches_tracked")
    }
    torch.save(old, tmp_path / "w.pt")
    found = start(tmp_path / "w.pt", faces)
    assert {value.dtype for value in found.weights.values()} == {torch.float32}
    assert "torch.float16 is made single precision" in found.notes[0]
    assert "counters of batches are not in it" in found.notes[0]


def test_eight_bits_are_made_single_precision(tmp_path, faces, weights):
    small = {**weights, "conv1.weight": weights["conv1.weight"].to(torch.float8_e4m3fn)}
    torch.save(small, tmp_path / "w.pth")
    found = start(tmp_path / "w.pth", faces)
    assert found.weights["backbone.conv1.weight"].dtype == torch.float32


def test_what_does_not_fit_is_named(tmp_path, faces, weights):
    half = dict(list(weights.items())[: len(weights) // 2])
    stats = {name: value for name, value in weights.items() if "running_mean" not in name}
    nan = {**weights, "bn1.weight": weights["bn1.weight"] * float("nan")}
    deeper = {**weights, "layer1.1.conv1.weight": torch.ones(32, 32, 3, 3)}
    wide = ResNet(BasicBlock, [1, 1, 1, 1]).state_dict()
    whole = {**weights, "conv1.weight": weights["conv1.weight"].to(torch.int8)}
    sparse = {**weights, "conv1.weight": weights["conv1.weight"].to_sparse()}
    meta = {**weights, "conv1.weight": weights["conv1.weight"].to("meta")}
    several = {**weights, "conv1.weight": weights["conv1.weight"].to(torch.complex64)}
    for content, says in (
        (half, "is missing"),
        (sparse, "conv1.weight is sparse"),
        (meta, "conv1.weight is without values"),
        (several, "conv1.weight is of type torch.complex64"),
        (stats, "bn1.running_mean is missing"),
        (nan, "bn1.weight holds values that are no numbers"),
        (deeper, "layer1.1.conv1.weight is too many"),
        (wide, "conv1.weight is (64, 3, 7, 7), not (32, 3, 7, 7)"),
        (whole, "conv1.weight is of type torch.int8"),
        ({"a": torch.ones(2)}, "conv1.weight is missing"),
    ):
        torch.save(content, tmp_path / "w.pth")
        with pytest.raises(ConfigError, match="does not fit the backbone 'resnet10-tiny'") as error:
            start(tmp_path / "w.pth", faces)
        assert says in error.value.message


class Evil:
    def __reduce__(self):
        return (print, ("run",))


def test_files_that_are_no_tensors(tmp_path, faces, weights, capsys):
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    torch.save(weights, tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / "cut.pth").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.pt").touch()
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    torch.save([1, 2], tmp_path / "list.pt")
    for name in ("evil.pth", "cut.pth", "empty.pt", "cut.safetensors", "list.pt"):
        with pytest.raises(ModelError, match=name):
            start(tmp_path / name, faces)
    assert "run" not in capsys.readouterr().out
