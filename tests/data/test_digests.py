from __future__ import annotations

import hashlib
import os
import time

import pytest

from agekit.data.digests import remembered_hash


@pytest.fixture
def reads(tmp_path, monkeypatch):
    """How often a file was read to be hashed."""
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    true, counted = hashlib.file_digest, []
    monkeypatch.setattr(hashlib, "file_digest", lambda *a: counted.append(a) or true(*a))
    return counted


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    time.sleep(0.06)
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_an_untouched_file_is_read_once(file, reads):
    assert [remembered_hash(file) for _ in range(3)] == [sha256(b"abc")] * 3
    assert len(reads) == 1


def test_a_link_is_its_file(file, reads, tmp_path):
    (tmp_path / "link").symlink_to(file)
    assert remembered_hash(tmp_path / "link") == remembered_hash(file)
    assert len(reads) == 1


def test_a_change_that_keeps_size_and_time_is_noticed(file, reads):
    before = file.stat()
    remembered_hash(file)
    file.write_bytes(b"abd")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert remembered_hash(file) == sha256(b"abd")


def test_a_file_that_was_just_written_is_read_again(file, reads):
    file.write_bytes(b"new")
    remembered_hash(file)
    file.write_bytes(b"wen")
    assert remembered_hash(file) == sha256(b"wen")


@pytest.mark.parametrize("data", [b"", b"torn", b"x" * 48, b"x" * 1000])
def test_a_damaged_memory_is_no_harm(file, reads, tmp_path, data):
    remembered_hash(file)
    (memory,) = (tmp_path / "cache" / "digests").glob("*.bin")
    memory.write_bytes(data)
    assert [remembered_hash(file) for _ in range(2)] == [sha256(b"abc")] * 2
    assert len(reads) == 2


def test_files_of_one_memory_are_told_apart(file, reads, tmp_path):
    (tmp_path / "other").write_bytes(b"abd")
    time.sleep(0.06)
    for _ in range(2):
        assert remembered_hash(file) == sha256(b"abc")
        assert remembered_hash(tmp_path / "other") == sha256(b"abd")
    assert len(reads) == 2


def test_a_cache_that_cannot_be_written(file, reads, tmp_path):
    (tmp_path / "cache").write_text("not a folder")
    assert remembered_hash(file) == sha256(b"abc")


def test_a_missing_file(tmp_path, reads):
    with pytest.raises(FileNotFoundError):
        remembered_hash(tmp_path / "none")
