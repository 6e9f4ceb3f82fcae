from __future__ import annotations

import hashlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from agekit.data.files import Files
from agekit.errors import DataError


def age_files(folder: Path, seconds: int = 100) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            status = path.stat()
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - seconds * 10**9))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.png").write_bytes(b"one")
    (folder / "sub" / "é b.png").write_bytes(b"two")
    (folder / "c.png").write_bytes(b"one")
    age_files(folder)
    return folder


PATHS = ["a.png", "sub/é b.png", "c.png"]


def test_digests_are_of_the_bytes(root: Path) -> None:
    digests = Files(root, PATHS).digests()
    expected = [hashlib.blake2b(b, digest_size=16).digest() for b in (b"one", b"two", b"one")]
    assert [d.tobytes() for d in digests] == expected
    assert (digests.shape, digests.dtype) == ((3, 16), np.uint8)


def test_the_second_time_no_byte_is_read(root: Path) -> None:
    first = Files(root, PATHS).digests()
    for path in PATHS:
        status = (root / path).stat()
        (root / path).write_bytes(b"xxx")
        os.utime(root / path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (Files(root, PATHS).digests() == first).all()


def test_a_changed_file_is_read_again(root: Path) -> None:
    first = Files(root, PATHS).digests()
    (root / "a.png").write_bytes(b"new")
    second = Files(root, PATHS).digests()
    assert (first != second).any(1).tolist() == [True, False, False]
    (root / "a.png").write_bytes(b"NEW")
    third = Files(root, PATHS).digests()
    assert (second != third).any(1).tolist() == [True, False, False]


def test_a_torn_memory_is_mended(root: Path, cache: Path) -> None:
    first = Files(root, PATHS).digests()
    (memory,) = (cache / "digests").glob("*.bin")
    memory.write_bytes(memory.read_bytes()[:-20])
    assert (Files(root, PATHS).digests() == first).all()
    assert memory.stat().st_size == 3 * 32


def test_a_cache_that_cannot_be_written_only_costs_time(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "file"))
    assert Files(root, PATHS).digests().shape == (3, 16)


@pytest.mark.parametrize("path", ["../x.png", "sub/../../x.png", "/etc/passwd"])
def test_paths_out_of_the_root_are_refused(root: Path, path: str) -> None:
    with pytest.raises(DataError, match="leads out of the dataset's folder"):
        Files(root, ["a.png", path])


def test_links_out_of_the_root_are_refused(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.png").write_bytes(b"secret")
    (root / "link.png").symlink_to(outside / "x.png")
    (root / "folder").symlink_to(outside)
    (root / "fine.png").symlink_to(root / "a.png")
    for path in ("link.png", "folder/x.png"):
        with pytest.raises(DataError, match="leads out"):
            Files(root, [path]).digests()
    assert Files(root, ["fine.png"]).digests().shape == (1, 16)
    (tmp_path / "alias").symlink_to(root)
    assert Files(tmp_path / "alias", PATHS).digests().shape == (3, 16)


def test_folders_of_links_may_lead_out(root: Path, tmp_path: Path) -> None:
    annex = tmp_path / ".git" / "annex" / "objects" / "x"
    for folder in (tmp_path / "outside", annex, tmp_path / ".dvc" / "cache"):
        folder.mkdir(parents=True)
        (folder / "x.png").write_bytes(b"x")
    for name in ("1.png", "2.png"):
        (root / name).symlink_to(tmp_path / "outside" / "x.png")
    (root / "annex.png").symlink_to(annex / "x.png")
    (root / "dvc.png").symlink_to(tmp_path / ".dvc" / "cache" / "x.png")
    assert Files(root, [*PATHS, "annex.png", "dvc.png"]).digests().shape == (5, 16)
    half = ["a.png", "c.png", "1.png", "2.png"]
    assert Files(root, half).digests().shape == (4, 16)
    with pytest.raises(DataError, match=r"'1\.png' leads out"):
        Files(root, [*PATHS, "1.png", "2.png"]).digests()
    part = Files(root, half).take(np.array([2]))
    assert part.digests().shape == (1, 16)


def test_a_link_to_nothing_says_so(root: Path) -> None:
    (root / "gone.png").symlink_to(root / "nothing.png")
    with pytest.raises(DataError, match=r"gone\.png") as caught:
        Files(root, ["gone.png"]).digests()
    assert "git annex get" in caught.value.hint


def test_a_missing_file_is_named(root: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png in .* cannot be read"):
        Files(root, ["a.png", "gone.png"]).digests()


def test_take_and_pickle(root: Path) -> None:
    files = Files(root, PATHS)
    whole = files.digests()
    part = pickle.loads(pickle.dumps(files.take(np.array([2, 1]))))
    assert [part.name(i) for i in range(len(part))] == ["c.png", "sub/é b.png"]
    assert (part.digests() == whole[[2, 1]]).all()
