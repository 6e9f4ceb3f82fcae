from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from agekit_datasets import matlab
from agekit_datasets.matlab import numbers, read_struct, texts
from scipy.io import savemat

from agekit.errors import DataError

_TAG = range(232, 248)
"""Where the type and the size of the numbers stand; most damage to it crashes SciPy's reader."""


def content(*, compressed: bool = False) -> bytes:
    """A struct of two numbers, 264 bytes."""
    file = io.BytesIO()
    savemat(file, {"s": {"a": np.array([[1.0, 2.0]])}}, do_compression=compressed)
    return file.getvalue()


def read(path: Path, data: bytes) -> str:
    """What is told of a file; "" where it could be read."""
    path.write_bytes(data)
    try:
        read_struct(path, "s", ("a",), "its authors")
    except DataError as error:
        assert error.message.startswith(f"{path}: ")
        assert "get the file again from its authors" in error.hint
        return error.message
    return ""


def test_numbers_and_texts(tmp_path: Path) -> None:
    cells = np.empty((1, 3), object)
    cells[0, :] = ["Zoë", 1.0, np.zeros((0, 0))]
    struct = {
        "a": np.array([[1, 2, 3]], np.uint8),
        "b": cells,
        "c": np.array([[np.nan, 0.5, np.inf]]),
    }
    savemat(tmp_path / "x.mat", {"s": struct})
    columns = read_struct(tmp_path / "x.mat", "s", ("a", "b", "c"), "its authors")
    assert numbers(columns["a"]).tolist() == [1, 2, 3]
    assert texts(columns["b"]) == ["Zoë", "", ""]
    np.testing.assert_array_equal(numbers(columns["c"]), [np.nan, 0.5, np.inf])
    assert np.isnan(numbers(columns["b"])).all() and texts(columns["a"]) == ["", "", ""]


@pytest.mark.slow
def test_a_crash_of_the_reader_is_told(tmp_path: Path) -> None:
    told = set[str]()
    for place in _TAG:
        for bit in range(8):
            damaged = bytearray(content())
            damaged[place] ^= 1 << bit
            told.add(read(tmp_path / "x.mat", damaged))
    assert any("a damaged Matlab file: its reader crashed" in text for text in told)
    assert read(tmp_path / "x.mat", content()) == ""


@pytest.mark.parametrize("compressed", [False, True])
def test_random_damage_is_told(tmp_path: Path, compressed: bool) -> None:
    rng = np.random.default_rng(0)
    whole = content(compressed=compressed)
    for k in range(60):
        damaged = bytearray(whole)
        first, last = sorted(rng.integers(124, len(whole), 2).tolist())
        match k % 4:
            case 0:
                damaged = damaged[:last]
            case 1:
                damaged[first:last] = rng.bytes(last - first)
            case 2:
                damaged[first:last] = bytes(last - first)
            case _:
                damaged[first] ^= 1 << int(rng.integers(8))
        read(tmp_path / "x.mat", damaged)


@pytest.mark.slow
def test_memory_and_time_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = {"s": {"a": np.zeros((1, 10_000_000))}}
    savemat(tmp_path / "x.mat", huge, do_compression=True)
    data = (tmp_path / "x.mat").read_bytes()
    monkeypatch.setattr(matlab, "_MEMORY", 300 << 20)
    assert "asks for more than 300 MiB" in read(tmp_path / "x.mat", data)
    monkeypatch.undo()
    monkeypatch.setattr(matlab, "_SECONDS", 1)
    monkeypatch.setattr(matlab, "_SECONDS_PER_MB", 0)
    assert "cannot be read in 1 seconds" in read(tmp_path / "x.mat", data)


@pytest.mark.slow
def test_a_killed_reader_is_started_again(tmp_path: Path) -> None:
    assert read(tmp_path / "x.mat", content()) == ""
    process = matlab._reader._process
    assert process is not None
    process.kill()
    process.wait()
    assert read(tmp_path / "x.mat", content()) == ""


@pytest.mark.slow
def test_the_reader_ends_with_its_program(tmp_path: Path) -> None:
    (tmp_path / "x.mat").write_bytes(content())
    code = (
        "from pathlib import Path; from agekit_datasets import matlab; "
        "matlab.read_struct(Path('x.mat'), 's', ('a',), ''); print(matlab._reader._process.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not Path(f"/proc/{done.stdout.strip()}").exists()
