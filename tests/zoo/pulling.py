"""A model on a Hub, and what tests of pulling it ask."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from agekit_testkit.hub import LoopbackHub

from agekit.errors import ModelError
from agekit.zoo.entry import FileRecord
from agekit.zoo.hub.pull import pull

REPO = "org/model"
WEIGHTS = "model.safetensors"
CONFIG = {
    "task": "estimator",
    "name": "small",
    "backbone": {"type": "resnet10-tiny"},
    "heads": {"ldl": {"type": "ldl"}},
    "ages": [10, 40],
    "image": {"size": 32, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "rule": "expectation",
    "interval": {"level": 0.9, "margin": 0.5, "calibrated_on": "val"},
    "parameters": 30_000,
}


def records(folder: Path) -> dict[str, FileRecord]:
    return {
        path.name: FileRecord(
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(), size=path.stat().st_size
        )
        for path in folder.iterdir()
    }


def refused(call, *arguments, **options) -> str:
    with pytest.raises(ModelError) as error:
        call(*arguments, **options)
    assert "\n" not in error.value.message and len(error.value.message) < 400
    assert error.value.hint
    return error.value.message


def fetched(hub: LoopbackHub) -> list[str]:
    """The files that were asked for."""
    found = [r for r in hub.requests if "/resolve/" in r.path]
    return [request.path.rpartition("/")[2] for request in found]


def cached_files(hub: LoopbackHub) -> list[str]:
    """What the client's cache holds, apart from its locks and marks."""
    found = [path for path in hub.home.rglob("*") if path.is_file()]
    return sorted(p.name for p in found if ".locks" not in p.parts and p.name != "CACHEDIR.TAG")


def recovers(hub: LoopbackHub, commit: str, files: dict[str, FileRecord], model: Path) -> None:
    """The next honest pull works and gives the true bytes."""
    hub.behave()
    folder = pull(REPO, commit, files).folder
    assert {name: (folder / name).read_bytes() for name in files} == {
        path.name: path.read_bytes() for path in model.iterdir()
    }


def spoil(path: Path, *, hide: bool) -> None:
    """Flips a bit of a cached file; may set its time back to hide it."""
    blob, before = path.resolve(), path.stat()
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.write_bytes(bytes(data))
    if hide:
        os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))
