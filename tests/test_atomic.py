from __future__ import annotations

import os

import pytest

from agekit.atomic import write_bytes, write_text, written


def test_files_appear_with_their_folders(tmp_path):
    path = tmp_path / "a" / "b" / "file.txt"
    write_text(path, "Ω\n")
    assert path.read_bytes() == "Ω\n".encode()
    assert os.listdir(path.parent) == ["file.txt"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "file"
    write_bytes(path, b"old and long")
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path, error):
    path = tmp_path / "file"
    write_bytes(path, b"old")
    with pytest.raises(error), written(path) as aside:
        aside.write_bytes(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_nothing_is_seen_until_the_end(tmp_path):
    path = tmp_path / "file"
    with written(path) as aside:
        aside.write_bytes(b"new")
        assert not path.exists()
        assert aside.parent == path.parent
    assert path.read_bytes() == b"new"


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), written(tmp_path / "file"):
        pass
    assert os.listdir(tmp_path) == []
