from __future__ import annotations

import json
import struct
from dataclasses import replace

import pytest
import torch
from agekit_ager.build import build_ager
from agekit_ager.config import AgerConfig
from agekit_publish.add import add_model
from safetensors.torch import load_file, save_file
from torch import nn

from agekit.data.digests import hash_file
from agekit.errors import ModelError
from agekit.recipe import PartConfig
from agekit.registry import GENERATORS
from agekit.tasks.generator import Generator
from agekit.zoo.add import entry_for
from agekit.zoo.config import ImageConfig
from agekit.zoo.files import tensor_types
from agekit.zoo.folder import load_network, read_config, save_model
from agekit.zoo.verify import verify

WEIGHTS, CONFIG = "model.safetensors", "config.json"


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture
def entry(model):
    return entry_for(model, "bundled:model")


class Shift(Generator):
    """Adds the same to every pixel."""

    def __init__(self):
        super().__init__()
        self.by = nn.Parameter(torch.full((1,), 0.25))

    def forward(self, images):
        return images + self.by


@pytest.fixture
def ager_model(tmp_path, monkeypatch):
    monkeypatch.setattr(GENERATORS, "get", {"shift": Shift}.__getitem__)
    part = PartConfig(type="shift")
    config = AgerConfig(
        name="shift",
        generator=part,
        image=ImageConfig(size=16, mean=(0.5,) * 3, std=(0.5,) * 3),
        domains={"young": "ages 10-20", "old": "ages 50-60"},
        parameters=2,
    )
    save_model(tmp_path / "ager", build_ager(part), config, {"test": {"cycle_young": 0.5}}, "")
    return tmp_path / "ager"


def problem(folder, entry=None):
    """The only thing wrong: the file and the text."""
    [found] = verify(folder, entry)
    assert "\n" not in found.text and len(found.text) < 1_000
    return found


def rehashed(folder, entry):
    """As an attacker who can write the entry too would have it: the hashes fit again."""
    new = entry_for(folder, entry.source, check=False)
    return replace(entry, files=new.files)


def edit_weights(folder, edit):
    weights = load_file(folder / WEIGHTS)
    edit(weights)
    save_file(weights, folder / WEIGHTS)
    edit_config(folder, weights_sha256=hash_file(folder / WEIGHTS))


def edit_config(folder, **changes):
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | changes))


def edit_header(folder, edit, tail=b""):
    data = (folder / WEIGHTS).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    text = edit(header)
    text = (json.dumps(header) if text is None else text).encode()
    body = data[8 + length :] + tail
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", len(text)) + text + body)


def test_a_model_as_it_was_made(model, entry):
    assert verify(model, entry) == []
    assert verify(model, None) == []


def test_a_flipped_byte(model, entry):
    data = bytearray((model / WEIGHTS).read_bytes())
    data[len(data) // 2] ^= 1
    (model / WEIGHTS).write_bytes(data)
    found = problem(model, entry)
    assert found.file == WEIGHTS
    assert found.text.startswith("its SHA-256 is ")
    assert found.text.endswith(f"not {entry.files[WEIGHTS].sha256}")


@pytest.mark.parametrize("name", [WEIGHTS, CONFIG, "README.md"])
def test_files_cut_short_replaced_or_missing(model, entry, name):
    size = entry.files[name].size
    path = model / name
    path.write_bytes(path.read_bytes()[:-1])
    assert problem(model, entry) == (name, f"it has {size - 1:,} bytes, not {size:,}")
    path.unlink()
    assert problem(model, entry) == (name, "it is missing")
    path.mkdir()
    assert problem(model, entry) == (name, "it is not a file")


def test_an_entry_with_the_wrong_size_or_hash(model, entry):
    records = dict(entry.files)
    records[WEIGHTS] = replace(records[WEIGHTS], sha256="0" * 64)
    records[CONFIG] = replace(records[CONFIG], size=7)
    found = verify(model, replace(entry, files=records))
    assert [one.file for one in found] == [WEIGHTS, CONFIG]
    assert found[0].text.endswith("not " + "0" * 64)
    assert found[1].text.endswith("bytes, not 7")


def test_a_pickle_instead(model, entry):
    torch.save({"a": torch.zeros(1)}, model / WEIGHTS)
    found = problem(model, rehashed(model, entry))
    assert found.file == WEIGHTS and "is a pickle or a zip archive" in found.text
    (model / WEIGHTS).write_bytes(b"\x80\x02}q\x00.")
    assert "is a pickle" in problem(model).text


def swap(weights):
    name = next(name for name, value in weights.items() if value.ndim == 2)
    weights[name] = weights[name].T.contiguous()


def unknown(weights):
    weights["backbone.extra.weight"] = torch.zeros(3)


def lacking(weights):
    del weights[next(name for name in weights if name.endswith("weight"))]


@pytest.mark.parametrize(
    ("edit", "says"),
    [(swap, "size mismatch"), (unknown, "Unexpected key"), (lacking, "Missing key")],
)
def test_weights_that_do_not_fit_the_network(model, entry, edit, says):
    edit_weights(model, edit)
    found = problem(model, rehashed(model, entry))
    assert found.file == WEIGHTS
    assert "do not fit" in found.text and says in found.text


@pytest.mark.slow
def test_a_tensor_that_torch_can_do_without(model, entry):
    name = next(key for key in load_file(model / WEIGHTS) if key.endswith("num_batches_tracked"))
    edit_weights(model, lambda weights: weights.pop(name))
    assert problem(model, rehashed(model, entry)) == (WEIGHTS, f"{name} is missing")


def test_weights_that_are_whole_numbers_or_none(model, entry):
    name = next(key for key in load_file(model / WEIGHTS) if key.endswith("bias"))
    edit_weights(model, lambda weights: weights.update({name: weights[name].to(torch.int32)}))
    found = problem(model, rehashed(model, entry))
    assert found == (WEIGHTS, f"{name} is of type I32, the network's torch.float32")
    edit_weights(model, lambda weights: weights.update({name: weights[name] / 0.0}))
    assert problem(model).text == f"{name} holds values that are not numbers"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_are_loaded_into_single(model, entry, dtype):
    def halve(weights):
        for name, value in weights.items():
            if value.is_floating_point():
                weights[name] = value.to(dtype)

    edit_weights(model, halve)
    assert verify(model, None) == []
    network, _ = load_network(model)
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert set(tensor_types(model / WEIGHTS).values()) <= {"F16", "BF16", "I64"}


def first(header):
    return next(name for name in header if name != "__metadata__")


def with_first(**changes):
    def edit(header):
        header[first(header)] |= changes

    return edit


def twice(header):
    name = first(header)
    value = json.dumps(header[name])
    return f'{{"{name}": {value}, "{name}": {value}}}'


def overlap(header):
    for value in header.values():
        if "shape" in value:
            end = value["data_offsets"][1] - value["data_offsets"][0]
            value["data_offsets"] = [0, end]


@pytest.mark.slow
@pytest.mark.parametrize(
    "edit",
    [
        with_first(shape=[10**18]),
        with_first(shape=[10**12, 10**12]),
        with_first(shape=[-1]),
        with_first(shape=[True]),
        with_first(shape="3"),
        with_first(data_offsets=[0]),
        with_first(dtype="OBJECT"),
        with_first(dtype=["F32"]),
        overlap,
        twice,
        lambda header: "[]",
        lambda header: "{",
        lambda header: "[" * 100_000,
        lambda header: '{"__metadata__": {"a": 1}}',
        lambda header: "{}",
        lambda header: '{"\\u001b[31m": 1}',
    ],
)
def test_headers_that_are_refused(model, entry, edit):
    edit_header(model, edit)
    found = problem(model, rehashed(model, entry))
    assert found.file == WEIGHTS and found.text.isprintable()
    assert "is not safetensors, or is damaged" in found.text


def test_more_bytes_than_the_header_says(model):
    edit_header(model, lambda header: None, tail=b"#!/bin/sh")
    assert "is not safetensors, or is damaged" in problem(model).text


@pytest.mark.parametrize(
    "data", [b"", b"\x01", struct.pack("<Q", 2**63) + b"{}", struct.pack("<Q", 3) + b"{}"]
)
def test_files_that_are_no_safetensors(model, data):
    (model / WEIGHTS).write_bytes(data)
    assert "is not safetensors, or is damaged" in problem(model).text


def test_a_header_tells_types(tmp_path):
    save_file({"a": torch.zeros(2, 3), "b": torch.zeros(4).half()}, tmp_path / "x")
    assert tensor_types(tmp_path / "x") == {"a": "F32", "b": "F16"}
    with pytest.raises(ModelError, match="cannot read the weights"):
        tensor_types(tmp_path / "none")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ages": [0, 1_000_000]}, "ages.1: Input should be less than or equal to 150"),
        ({"code": "import os"}, "code: there is no such key"),
        ({"name": "x" * 1_000_001}, "it has more than 1,000,000 bytes"),
        ({"task": "ager"}, "generator: is missing"),
        ({"parameters": 5}, "it is of an estimator of 5 parameters, the entry of"),
        ({"requires": {"agekit-none": "1.0"}}, "it needs 'agekit-none', which is not installed"),
    ],
)
def test_configurations_that_are_refused(model, entry, changes, says):
    edit_config(model, **changes)
    found = problem(model, replace(entry, files={}))
    assert found.file == CONFIG and says in found.text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"backbone": {"type": "os:system"}}, "no backbone named 'os:system'"),
        ({"backbone": {"type": "agekit.tasks.estimator.resnet:resnet18"}}, "no backbone named"),
        ({"backbone": {"type": "timm/local-dir:/tmp"}}, "timm has no model"),
        ({"heads": {"ldl": {"type": "torch.nn:Linear"}}}, "no head named 'torch.nn:Linear'"),
        ({"heads": {"ldl": {"type": "ldl", "run": "rm"}}}, "run"),
    ],
)
def test_configurations_that_name_code_are_refused(model, entry, changes, says):
    edit_config(model, **changes)
    assert says in problem(model, rehashed(model, entry)).text


def test_a_network_that_answers_otherwise_than_it_did(model, entry):
    name = next(key for key in load_file(model / WEIGHTS) if key.startswith("heads.reg"))
    edit_weights(model, lambda weights: weights.update({name: weights[name] + 0.5}))
    found = verify(model, rehashed(model, entry))
    assert found[0].file == WEIGHTS
    assert "on the fixed input its age differs by" in found[0].text
    assert "at most 0.01 is allowed" in found[0].text
    assert verify(model, None) == []


@pytest.mark.parametrize("outputs", [{"old": [0.0]}, {"age": [], "low": [], "high": []}])
def test_a_check_of_another_kind(model, entry, outputs):
    other = replace(entry.check, outputs=outputs)
    found = problem(model, replace(entry, check=other))
    assert found.text == "the entry's check is of another kind of model"


def test_an_ager(ager_model):
    entry = entry_for(ager_model, "bundled:ager")
    assert {key: len(values) for key, values in entry.check.outputs.items()} == {
        "old": 48,
        "young": 48,
    }
    assert (entry.task, entry.check.tolerance) == ("ager", 0.002)
    assert entry.metrics == {"cycle_young": 0.5}
    assert verify(ager_model, entry) == []
    config = read_config(ager_model)
    assert isinstance(config, AgerConfig) and config.parameters == entry.parameters


def test_adding_in_half_precision(model, tmp_path):
    out = tmp_path / "zoo"
    full = add_model(model, out, "full")
    assert full.change == 0
    half = add_model(model, out, "half", half=True, licence="mine")
    assert half.entry.bytes < 0.6 * full.entry.bytes
    assert 0 < half.change < 0.1
    assert (half.entry.name, half.entry.source, half.entry.licence) == (
        "half",
        "bundled:half",
        "mine",
    )
    assert verify(half.folder, half.entry) == []
    assert read_config(half.folder).name == "half"
    card = (half.folder / "README.md").read_text()
    assert "# half\n" in card and "stored in half precision" in card
    kept = json.loads((half.folder / "metrics.json").read_text())
    assert kept.pop("operations") > 1_000_000, "of the card; not measured when it was trained"
    assert kept == json.loads((model / "metrics.json").read_text())
    assert not (out / ".half.new").exists()


def test_weights_too_large_for_half_precision(model, tmp_path):
    name = next(key for key in load_file(model / WEIGHTS) if key.endswith("running_var"))
    edit_weights(model, lambda weights: weights[name].fill_(1e6))
    with pytest.raises(ModelError, match="too large for half precision"):
        add_model(model, tmp_path / "zoo", "half", half=True)
    assert not (tmp_path / "zoo").exists()
