from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from agekit.atomic import (
    is_aside,
    sweep,
    write_bytes,
    write_text,
    written,
    written_folder,
)


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


def test_litter_of_ended_processes_goes_and_no_other_file(tmp_path):
    program = (
        "import os, pathlib, sys; from agekit.atomic import aside_of; "
        "aside_of(pathlib.Path(sys.argv[1])).write_text('cut sho')"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path / "file"], check=True)
    [left] = tmp_path.iterdir()
    assert is_aside(left.name)
    alive = left.with_name(re.sub(r"-\d+-", f"-{os.getppid()}-", left.name, count=1))
    elsewhere = left.with_name(left.name[:8] + "00000000" + left.name[16:])
    mine = [tmp_path / name for name in (".file.1", ".agekit-notes", ".agekit-1-2-3.part")]
    for path in (alive, elsewhere, *mine):
        path.write_text("kept")
    sweep(tmp_path)
    assert not left.exists()
    assert all(path.read_text() == "kept" for path in (alive, elsewhere, *mine))
    sweep(tmp_path, alone=True)
    assert sorted(tmp_path.iterdir()) == sorted(mine)


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "folder"
    with written_folder(folder) as aside:
        (aside / "a").write_text("1")
    with pytest.raises(ValueError, match="no"), written_folder(folder) as aside:
        (aside / "b").write_text("2")
        raise ValueError("no")
    assert [path.name for path in folder.iterdir()] == ["a"]
    folder.rename(tmp_path / ".folder.agekit-old")  # as a process leaves it that was killed here
    with pytest.raises(ValueError, match="no"), written_folder(folder):
        raise ValueError("no")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    with written_folder(folder) as aside:
        (aside / "c").write_text("3")
    assert [path.name for path in folder.iterdir()] == ["c"]
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(os.name == "nt", reason="no limit of file sizes there")
@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_picture_that_the_disk_cuts_off_is_an_error_and_not_there(tmp_path, name):
    program = (
        "import resource, sys; from pathlib import Path; import numpy as np\n"
        "from agekit.inference.saving import save_picture\n"
        "picture = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "try: save_picture(Path(sys.argv[1]), picture)\n"
        "except OSError as error: print(error.filename)"
    )
    path = str(tmp_path / name)
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{path}\n", "")
    assert os.listdir(tmp_path) == []
