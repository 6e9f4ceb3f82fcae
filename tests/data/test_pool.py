from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agekit.data.files import Files
from agekit.data.pool import FacePool
from agekit.errors import DataError

SIZE = 16
WriteImage = Callable[..., Path]

BUILD = """
import resource, sys, time
from pathlib import Path
import agekit.data.pool as pool
from agekit.data.files import Files
from agekit.errors import DataError

root, count, pause, limit = Path(sys.argv[1]), *map(float, sys.argv[2:])
pool._CHUNK_ROWS = 8
decoded = 0

class Slow(Files):
    def decode(self, i, size):
        global decoded
        decoded += 1
        time.sleep(pause)
        return super().decode(i, size)

def progress(done, total):
    print("done", done, total, flush=True)

if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
source = Slow(root, [f"{i}.png" for i in range(int(count))])
try:
    slots = pool.FacePool.open(16).slots(source, progress)
except DataError as error:
    print(error, flush=True)
    sys.exit(1)
print("decoded", decoded, int((slots < 0).sum()), flush=True)
"""


class Counting(Files):
    decoded: list[str]

    def decode(self, i: int, size: int) -> NDArray[np.uint8]:
        self.__dict__.setdefault("decoded", []).append(self.paths[i])
        return super().decode(i, size)


@pytest.fixture
def root(tmp_path: Path, write_image: WriteImage) -> Path:
    for i in range(40):
        write_image(tmp_path / "data" / f"{i}.png", seed=i)
    return tmp_path / "data"


def source(root: Path, count: int = 40) -> Counting:
    files = Counting(root, [f"{i}.png" for i in range(count)])
    files.decoded = []
    return files


def build(root: Path, pause: float = 0.0, limit: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(root), "40", str(pause), str(limit)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def assert_right(root: Path, pool: FacePool) -> None:
    files = Files(root, [f"{i}.png" for i in range(40)])
    slots = pool.slots(files)
    assert sorted(slots.tolist()) == list(range(40))
    for i in range(40):
        assert (pool.images[slots[i]] == files.decode(i, SIZE)).all()


def test_no_image_is_decoded_twice(root: Path) -> None:
    first = source(root, 30)
    pool = FacePool.open(SIZE)
    assert len(pool) == 0
    assert pool.images.shape == (0, SIZE, SIZE, 3)
    slots = pool.slots(first)
    assert sorted(first.decoded) == sorted(first.paths)
    assert pool.images.shape == (30, SIZE, SIZE, 3)
    assert not pool.images.flags.writeable
    again = source(root)
    more = FacePool.open(SIZE).slots(again)
    assert sorted(again.decoded) == sorted(again.paths[30:])
    assert (more[:30] == slots).all()
    assert_right(root, FacePool.open(SIZE))


def test_identical_bytes_share_a_slot(root: Path) -> None:
    (root / "1.png").write_bytes((root / "0.png").read_bytes())
    files = source(root, 3)
    slots = FacePool.open(SIZE).slots(files)
    assert slots[0] == slots[1] != slots[2]
    assert len(files.decoded) == 2


def test_progress_counts_what_is_decoded(root: Path) -> None:
    seen: list[tuple[int, int]] = []
    pool = FacePool.open(SIZE)
    pool.slots(source(root, 10), lambda done, total: seen.append((done, total)))
    pool.slots(source(root, 10), lambda done, total: seen.append((done, total)))
    assert seen == [(10, 10)]


def test_bad_images_are_named_and_remembered(root: Path, cache: Path) -> None:
    (root / "1.png").write_bytes(b"")
    (root / "2.png").write_bytes((root / "2.png").read_bytes()[:60])
    files = source(root, 4)
    pool = FacePool.open(SIZE)
    slots = pool.slots(files)
    assert (slots < 0).tolist() == [False, True, True, False]
    problems = pool.problems(files, slots)
    assert [(p.kind, p.name) for p in problems] == [("image", "1.png"), ("image", "2.png")]
    assert problems[0].detail == "the file is empty"
    assert "truncated" in problems[1].detail
    later = source(root, 4)
    pool = FacePool.open(SIZE)
    assert (pool.slots(later) == slots).all()
    assert later.decoded == []
    assert pool.problems(later, slots) == problems


def test_a_file_that_vanishes_is_told_but_not_held_against_it(root: Path) -> None:
    files = source(root, 3)
    files.digests()
    data = (root / "1.png").read_bytes()
    (root / "1.png").unlink()
    pool = FacePool.open(SIZE)
    slots = pool.slots(files)
    assert (slots < 0).tolist() == [False, True, False]
    assert "cannot be read" in pool.problems(files, slots)[0].detail
    (root / "1.png").write_bytes(data)
    assert (pool.slots(files) >= 0).all()


def test_torn_tails_are_cut_off(root: Path, cache: Path) -> None:
    pool = FacePool.open(SIZE)
    pool.slots(source(root, 10))
    for name, tail in (("pixels.u8", 1000), ("digests.bin", 7), ("bad.jsonl", 5)):
        with open(pool.folder / name, "ab") as file:
            file.write(b"\1" * tail)
    assert len(FacePool.open(SIZE)) == 10
    assert_right(root, FacePool.open(SIZE))
    assert (pool.folder / "pixels.u8").stat().st_size == 40 * pool.slot_bytes
    assert (pool.folder / "digests.bin").stat().st_size == 40 * 16
    with open(pool.folder / "pixels.u8", "r+b") as file:
        file.truncate(20 * pool.slot_bytes + 5)
    assert len(FacePool.open(SIZE)) == 20
    assert_right(root, FacePool.open(SIZE))


@pytest.mark.slow
def test_kill_9_loses_at_most_a_chunk(root: Path) -> None:
    survived = 0
    for stop_at in (8, 16):
        process = build(root, pause=0.01)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("done") and int(line.split()[1]) >= stop_at:
                break
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        pool = FacePool.open(SIZE)
        assert len(pool) >= survived + stop_at
        survived = len(pool)
    assert survived < 40
    rest = source(root)
    FacePool.open(SIZE).slots(rest)
    assert len(rest.decoded) == 40 - survived
    assert_right(root, FacePool.open(SIZE))


@pytest.mark.slow
def test_kill_9_at_any_moment(root: Path) -> None:
    rng = np.random.default_rng(0)
    process = build(root, pause=0.02)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(float(rng.uniform(0, 0.3)))
    process.kill()
    process.communicate()
    assert_right(root, FacePool.open(SIZE))


@pytest.mark.slow
def test_two_processes_share_the_work(root: Path) -> None:
    first = build(root, pause=0.03)
    assert first.stdout is not None
    first.stdout.readline()
    first.send_signal(signal.SIGSTOP)
    second = build(root, pause=0.03)
    assert second.stderr is not None
    assert "another process is filling" in second.stderr.readline()
    first.send_signal(signal.SIGCONT)
    outs = [process.communicate(timeout=60) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outs
    assert [int(out.splitlines()[-1].split()[1]) for out, _ in outs] == [40, 0]
    assert_right(root, FacePool.open(SIZE))


def test_a_full_disk_is_told_and_the_pool_stays_valid(root: Path) -> None:
    slot = SIZE * SIZE * 3
    process = build(root, limit=20 * slot)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "Traceback" not in err
    assert f"{24 * slot} more bytes are needed in" in out
    assert "AGEKIT_CACHE" in out
    pool = FacePool.open(SIZE)
    assert len(pool) == 16
    assert (pool.folder / "pixels.u8").stat().st_size == 16 * slot
    assert_right(root, pool)


def test_a_cache_that_cannot_be_used_is_told(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="cannot be used: Not a directory") as caught:
        FacePool.open(SIZE)
    assert "AGEKIT_CACHE" in caught.value.hint
