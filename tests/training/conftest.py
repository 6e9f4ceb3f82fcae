"""Small real trainings through the real command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from agekit_synthfaces import write_face

from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.data.manifest import COLUMNS, MANIFEST, TABLE, Manifest
from conftest import WritePlugin
from tests import warm
from tests.training.thrown import Install, installer

TINY = (
    *("synthfaces", "--protocol", "tiny", "--preset", "quick"),
    *("--set", "data.size=32", "--set", "train.batch_size=32", "--set", "train.amp=fp32"),
)
Train = Callable[..., "subprocess.CompletedProcess[str]"]
Here = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of decoded faces for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def environment(cache: Path) -> dict[str, str]:
    """What the processes under test run in."""
    left_out = ("AGEKIT_", "PYTHONDONTWRITEBYTECODE")
    own = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    quick = {"OMP_NUM_THREADS": "1", "AGEKIT_ONNX": "0"}
    return {**own, **quick, "AGEKIT_CACHE": str(cache), "COLUMNS": "200"}


@pytest.fixture
def agekit(environment: dict[str, str], tmp_path: Path) -> Train:
    """Runs ``agekit ...`` in an empty folder, in a process of its own."""

    def run(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
        return warm.run(*arguments, env={**environment, **more}, cwd=tmp_path)

    return run


@pytest.fixture
def here(
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Here:
    """Runs ``agekit ...`` in an empty folder, in this process; gives exit code, stdout, stderr."""
    monkeypatch.setenv("AGEKIT_CACHE", str(cache))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return int(stopped.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def chips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared dataset of 24 drawn faces, aged 20 to 66, of which 4 each are val and test."""
    folder = tmp_path_factory.mktemp("chips")
    splits = ["val", "test", *["train"] * 4] * 4
    lines = [",".join(COLUMNS)]
    for index, split in enumerate(splits):
        age = 20 + 2 * index
        write_face(folder / f"{index}.png", age, seed=index, size=32)
        lines.append(f"{index}.png,{age},,,,,{split},{index:032x}")
    (folder / TABLE).write_text("\n".join(lines) + "\n")
    points = ((0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.3, 0.7), (0.7, 0.7))
    face = Alignment(align="five-points", points=points)
    manifest = Manifest(dataset="csv", face=face, rows=len(splits), made_by="tests")
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return folder


@pytest.fixture
def small(chips: Path) -> tuple[object, ...]:
    """The arguments of a training on them that takes a second."""
    where = ("csv", "--root", chips, "--protocol", "column", "--preset", "quick")
    own = ("--set", "data.size=32", "--set", "train.batch_size=8", "--set", "train.amp=fp32")
    return (*where, *own, "--device", "cpu")


@pytest.fixture
def plugin(write_plugin: WritePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs good parts and one other; gives the path of its module."""
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    return installer(write_plugin)
