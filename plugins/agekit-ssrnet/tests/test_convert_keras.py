"""Files as Keras 2 writes them, made by h5py; the converted networks against NumPy."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from agekit_ssrnet.densenet import DenseNet
from agekit_ssrnet.mobilenet import MobileNet
from agekit_ssrnet.network import SSRNet
from safetensors.numpy import load_file
from torch import nn

from agekit.cli import main
from agekit.zoo.folder import load_network


@pytest.fixture
def agekit(capsys, tmp_path, monkeypatch):
    """Runs `agekit convert` in this process; gives its code and both outputs."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main(["convert", *map(str, arguments)])
        return done.value.code, *capsys.readouterr()

    return run


def layer(module: nn.Module, random) -> dict[str, np.ndarray]:
    """Drawn weights of a module in the shapes that Keras has them in."""

    def draw(*shape):
        return random.normal(0, 0.3, shape).astype(np.float32)

    if isinstance(module, nn.BatchNorm2d):
        n = module.num_features
        stats = {name: draw(n) for name in ("gamma", "beta", "moving_mean")}
        return stats | {"moving_variance": np.abs(draw(n)) + 0.5}
    out, inside, *kernel = module.weight.shape
    if isinstance(module, nn.Conv2d) and module.groups > 1:
        found = {"depthwise_kernel": draw(*kernel, out, inside)}
    else:
        found = {"kernel": draw(*kernel, inside, out)}
    return found | ({"bias": draw(out)} if module.bias is not None else {})


def ssrnet(first=0) -> dict[str, dict[str, np.ndarray]]:
    """The layers of SSR-Net for 62 pixels, their numbers counted on from `first`."""
    random, net = np.random.RandomState(1), SSRNet(size=62, bins=(3, 3, 3))
    found = {}
    numbered = [*net.relu, *net.tanh]
    squeezes = [one.squeeze[0] for s in net.stages for one in (s.tanh, s.relu)]
    convolutions = [one[0] for one in numbered] + squeezes
    dense = [one for s in net.stages for one in (s.tanh.mix[1], s.relu.mix[1], s.hidden[0])]
    for kind, modules in (
        ("conv2d", convolutions),
        ("batch_normalization", [one[1] for one in numbered]),
        ("dense", dense),
    ):
        for number, module in enumerate(modules, first + 1):
            found[f"{kind}_{number}" if number else kind] = layer(module, random)
    for k, stage in enumerate(net.stages, 1):
        found[f"delta_s{k}"] = layer(stage.delta, random)
        for name in ("pred_age_stage", "local_delta_stage"):
            found[f"{name}{k}"] = layer(nn.Linear(6, 3), random)
    return found


def sequence(net: nn.Module, names: dict[type, list[str]]) -> dict[str, dict[str, np.ndarray]]:
    random, names = np.random.RandomState(2), {kind: iter(ours) for kind, ours in names.items()}
    found = {
        next(names[kind]): layer(one, random)
        for one in net.modules()
        for kind in names
        if isinstance(one, kind)
    }
    return found | {"pred_a": layer(nn.Linear(32, 1), random)}


def mobilenet() -> dict[str, dict[str, np.ndarray]]:
    blocks = [f"conv_{part}_{k}" for k in range(1, 14) for part in ("dw", "pw")]
    norms = [f"{name}_bn" for name in ("conv1", *blocks)]
    kinds = {nn.Conv2d: ["conv1", *blocks, "conv2d_1"], nn.BatchNorm2d: norms}
    return sequence(MobileNet(alpha=0.25), kinds | {nn.Linear: ["feat_a"]})


def densenet() -> dict[str, dict[str, np.ndarray]]:
    kinds = {nn.Conv2d: [f"conv2d_{k}" for k in range(1, 7)]}
    kinds |= {nn.BatchNorm2d: [f"batch_normalization_{k}" for k in range(1, 7)]}
    return sequence(DenseNet(depth=7), kinds | {nn.Linear: ["dense_1", "feat_a"]})


def write(path: Path, layers, whole=False, nested="", inner=()) -> Path:
    """A file as Keras 2 writes it: attributes with the names, a group a layer.

    `inner` are the layers of a network within the network, called `nested`.
    """
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        place = file.create_group("model_weights") if whole else file
        if whole:
            file.attrs["model_config"] = json.dumps({"class_name": "Lambda"})
            file.create_group("optimizer_weights")["Adam/iterations:0"] = 3
        groups: dict[str, dict[str, np.ndarray]] = {"input_1": {}}
        for name, tensors in layers.items():
            group = groups.setdefault(nested if name in inner else name, {})
            group |= {f"{name}/{weight}:0": value for weight, value in tensors.items()}
        place.attrs["layer_names"] = [name.encode() for name in groups]
        for name, tensors in groups.items():
            group = place.create_group(name)
            group.attrs["weight_names"] = np.array([w.encode() for w in tensors], "S60")
            for weight, value in tensors.items():
                group[weight] = value
    return path


def same_convolution(x, kernel, stride=1):
    """Images (H, W, C) by a kernel (3, 3, C, O), padded as Keras's `same`; (h, w, O)."""
    side = -(-x.shape[0] // stride)
    missing = max((side - 1) * stride + 3 - x.shape[0], 0)
    low = missing // 2
    x = np.pad(x, ((low, missing - low), (low, missing - low), (0, 0)))
    out = np.empty((side, side, kernel.shape[-1]))
    for i in range(side):
        for j in range(side):
            window = x[i * stride : i * stride + 3, j * stride : j * stride + 3]
            out[i, j] = np.tensordot(window, kernel, 3)
    return out


def normalised(x, at):
    return (x - at["moving_mean"]) / np.sqrt(at["moving_variance"] + 1e-3) * at["gamma"] + at[
        "beta"
    ]


def ages(folder, blue_green_red) -> np.ndarray:
    """What the converted network makes of pixels as the authors have them, in years."""
    network, config = load_network(folder)
    pixels = torch.from_numpy(blue_green_red[..., ::-1].copy()).permute(0, 3, 1, 2) / 255
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (config.image.mean, config.image.std))
    with torch.no_grad():
        (raw,) = network.eval()((pixels - mean) / std).values()
    return raw.numpy() * 100


PIXELS = np.random.RandomState(0).randint(0, 256, (2, 64, 64, 3)).astype(np.float32)


def dense(x, at):
    return x.reshape(-1) @ at["kernel"] + at["bias"]


@pytest.mark.slow
def test_a_mobilenet_answers_as_numpy_does(agekit, tmp_path, caplog):
    layers = mobilenet()
    inner = [name for name in layers if name.startswith(("conv_", "conv1"))]
    path = write(tmp_path / "mobilenet_reg_0.25_64.h5", layers, nested="mobilenet", inner=inner)
    code, out, err = agekit(path, "--out", "model", "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["backbone"] == {"type": "mobilenet-ssr", "alpha": 0.25, "size": 64}
    assert "images of 64 pixels (as its name says)" in caplog.text

    def one(x):
        x = same_convolution(x, layers["conv1"]["kernel"], 2)
        x = normalised(x, layers["conv1_bn"]).clip(0, 6)
        for k in range(1, 14):
            stride = 2 if k in (2, 4, 6, 12) else 1
            single = layers[f"conv_dw_{k}"]["depthwise_kernel"]
            x = np.concatenate(
                [same_convolution(x[..., c : c + 1], single[:, :, c : c + 1], stride)
                 for c in range(x.shape[-1])], -1
            )  # fmt: skip
            x = normalised(x, layers[f"conv_dw_{k}_bn"]).clip(0, 6)
            x = x @ layers[f"conv_pw_{k}"]["kernel"][0, 0]
            x = normalised(x, layers[f"conv_pw_{k}_bn"]).clip(0, 6)
        x = (x @ layers["conv2d_1"]["kernel"][0, 0] + layers["conv2d_1"]["bias"]).clip(0)
        return dense(dense(x, layers["feat_a"]).clip(0), layers["pred_a"])[0]

    np.testing.assert_allclose(ages(tmp_path / "model", PIXELS[:1]), [one(PIXELS[0])], atol=1e-3)


@pytest.mark.parametrize("whole", [False, True])
def test_the_layers_of_ssrnet(agekit, tmp_path, caplog, whole):
    """The numbers of Keras's layers go on counting where several networks were made."""
    layers = ssrnet(first=7 if whole else -1)
    path = write(tmp_path / "ssrnet_3_3_3_62_0.5_0.25.h5", layers, whole)
    code, _, err = agekit(path, "--out", "model", "--name", "mine", "--margin", "0.4")
    assert code == 0, err
    assert "lambdas 0.5 and 0.25 (as its name says)" in caplog.text
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert (config["name"], config["face"]["margin"], config["ages"]) == ("mine", 0.4, [0, 100])
    assert config["heads"]["ssr"]["lambda_delta"] == 0.25
    ours = load_file(tmp_path / "model/model.safetensors")
    number = (lambda k: f"_{k + 7}") if whole else (lambda k: f"_{k - 1}" if k > 1 else "")
    first = layers[f"conv2d{number(5)}"]["kernel"]
    np.testing.assert_array_equal(
        ours["backbone.tanh.0.0.weight"][:, ::-1], first.transpose(3, 2, 0, 1)
    )
    variance = layers[f"batch_normalization{number(2)}"]["moving_variance"]
    np.testing.assert_array_equal(ours["backbone.relu.1.1.running_var"], variance)
    kernel = layers["delta_s2"]["kernel"]
    side = int((len(kernel) / 10) ** 0.5)
    theirs = kernel.reshape(side, side, 10).transpose(2, 0, 1).reshape(1, -1)
    np.testing.assert_array_equal(ours["backbone.stages.1.delta.weight"], theirs)
    hidden = layers[f"dense{number(6)}"]["kernel"].T
    np.testing.assert_array_equal(ours["backbone.stages.1.hidden.0.weight"], hidden)
    squeeze = layers[f"conv2d{number(12)}"]["bias"]
    np.testing.assert_array_equal(ours["backbone.stages.1.relu.squeeze.0.bias"], squeeze)
    eta = layers["local_delta_stage3"]["kernel"].T
    np.testing.assert_array_equal(ours["heads.ssr.eta.2.weight"], eta)


def test_a_densenet_and_its_depth(agekit, tmp_path):
    layers = densenet()
    inner = [name for name in layers if name.startswith(("conv2d", "batch"))]
    path = write(tmp_path / "net.h5", layers, nested="densenet", inner=inner)
    assert agekit(path, "--out", "model")[0] == 0
    config = json.loads((tmp_path / "model/config.json").read_text())
    assert (config["backbone"]["depth"], config["image"]["size"]) == (7, 64)
    last = layers["pred_a"]["kernel"].T / 100
    ours = load_file(tmp_path / "model/model.safetensors")
    np.testing.assert_allclose(ours["heads.reg.fc.weight"], last, rtol=1e-6)


def gone(layers):
    del layers["batch_normalization_2"]["moving_mean"]


def more(layers):
    layers["dense_1"]["extra"] = np.ones(3, np.float32)


def turned(layers):
    layers["dense_1"]["kernel"] = layers["dense_1"]["kernel"].T.copy()


def nan(layers):
    layers["feat_a"]["bias"][3] = np.nan


def negative(layers):
    layers["batch_normalization_1"]["moving_variance"][0] = -1


def integers(layers):
    layers["feat_a"]["bias"] = np.zeros(32, np.int64)


def no_layer(layers):
    del layers["conv2d_3"]


def another(layers):
    layers["conv2d_99"] = {"kernel": np.ones((1, 1, 3, 3), np.float32)}


def unknown(layers):
    layers["lambda_1"] = {"kernel": np.ones(3, np.float32)}


def gender(layers):
    layers["pred_stage1"] = layers.pop("pred_a")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (gone, "lacks batch_normalization_2/moving_mean"),
        (more, "holds dense_1/extra, which densenet-ssr has not"),
        (turned, "dense_1/kernel has the shape (128, 60), and the network (60, 128)"),
        (nan, "feat_a/bias holds values that are no numbers"),
        (negative, "batch_normalization_1/moving_variance is below 0"),
        (integers, "feat_a/bias is no tensor of numbers"),
        (no_layer, "densenet-ssr: depth must be"),
        (another, "depth must be"),
        (unknown, "holds lambda_1/kernel, which densenet-ssr has not"),
        (gender, "none of the networks that are known"),
    ],
)
def test_what_is_not_the_published_network(agekit, tmp_path, change, says):
    layers = densenet()
    change(layers)
    code, out, err = agekit(write(tmp_path / "net.h5", layers), "--out", "model")
    assert (code, out) == (1, "")
    assert says in err and not (tmp_path / "model").exists()


def test_files_that_are_damaged_or_lead_elsewhere(agekit, tmp_path):
    path = write(tmp_path / "net.h5", densenet())
    data = path.read_bytes()
    for name, bad in {"cut.h5": data[:5000], "text.h5": b"no HDF5", "empty.h5": b""}.items():
        (tmp_path / name).write_bytes(bad)
        code, _, err = agekit(name, "--out", "model")
        assert code == 1 and name in err and "Traceback" not in err
    code, _, err = agekit("none.h5", "--out", "model")
    assert code == 1 and "cannot read none.h5: No such file" in err
    for link in (h5py.ExternalLink("net.h5", "dense_1"), h5py.SoftLink("/dense_1")):
        write(tmp_path / "link.h5", densenet())
        with h5py.File(tmp_path / "link.h5", "a") as file:
            del file["feat_a"]
            file["feat_a"] = link
        code, _, err = agekit("link.h5", "--out", "model")
        assert code == 1 and "links elsewhere for feat_a" in err
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = np.ones(3)
    code, _, err = agekit("other.h5", "--out", "model")
    assert code == 1 and "holds no weights as Keras 2 writes them" in err
    assert not (tmp_path / "model").exists()


def test_which_converter_is_taken(agekit, tmp_path):
    path = write(tmp_path / "net.h5", densenet())
    assert agekit("--out", "one", path)[0] == 0
    assert agekit("keras", path, "--out", "two")[0] == 0
    code, _, err = agekit(path, "--out", "two")
    assert code == 1 and "two is there already" in err
    code, _, err = agekit("cyclegan", path, "--out", "three")
    assert code == 1 and "Traceback" not in err
    code, _, err = agekit("none", "--out", "three")
    assert code == 1 and "'none'" in err
    assert "keras" in agekit("--help")[1]
