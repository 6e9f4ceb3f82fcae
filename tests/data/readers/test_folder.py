from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agekit.data.readers.folder import Folder
from agekit.data.split import load_faces
from agekit.errors import DataError

WriteImage = Callable[..., Path]


def test_ages_from_a_csv(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "25" / "x.png")
    (tmp_path / "labels.csv").write_text("file,age\n25/x.png,31\n")
    (tmp_path / "other.csv").write_text("nothing\n")
    assert Folder().read(tmp_path).age.tolist() == [31]
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "other.csv").write_text("file,age\n25/x.png,32\n")
    assert Folder().read(tmp_path).age.tolist() == [32]


def test_ages_from_folders_and_file_names(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "25" / "x.png", seed=0)
    write_image(tmp_path / "7" / "111" / "y.jpg", seed=1)
    write_image(tmp_path / "more" / "30_z.PNG", seed=2)
    write_image(tmp_path / "more" / "w.png", seed=3)
    write_image(tmp_path / "300" / "v.png", seed=3)
    write_image(tmp_path / ".hidden" / "40_h.png", seed=3)
    (tmp_path / "readme.txt").write_text("hello")
    faces = load_faces("folder", tmp_path)
    rows = {faces.table.images.name(i): faces.table.age[i] for i in range(len(faces.table))}
    assert rows == {"25/x.png": 25, "7/111/y.jpg": 7, "more/30_z.PNG": 30}
    assert {(p.kind, p.name) for p in faces.problems} == {
        ("age", "more/w.png"),
        ("age", "300/v.png"),
        ("name", "readme.txt"),
    }


def test_nothing_that_says_an_age_is_an_error(tmp_path: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "faces" / "anna.png")
    with pytest.raises(DataError, match=r"how old the faces are; found: faces/anna\.png") as caught:
        Folder().read(tmp_path)
    assert "25/x.jpg" in caught.value.hint
