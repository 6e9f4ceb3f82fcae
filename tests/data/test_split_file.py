from __future__ import annotations

from pathlib import Path

import pytest
from agekit_synthfaces import write_face

from agekit.data.split import load_faces
from agekit.errors import ConfigError, DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i, name in enumerate(("20_a.jpg", "sub/30_b.png", "40_c.JPG")):
        write_face(tmp_path / "set" / name, 20, i, 32)
    return tmp_path / "set"


def split(root: Path, text: str) -> list[int]:
    file = root.parent / "mine.csv"
    file.write_text(text, encoding="utf-8-sig")
    faces = load_faces("folder", root, str(file))
    assert faces.protocol == "folder:mine"
    order = [faces.table.images.name(i) for i in range(len(faces.table))]
    assert order == ["20_a.jpg", "40_c.JPG", "sub/30_b.png"]
    return faces.codes.tolist()


def test_images_go_by_path_or_by_file_name_whatever_their_ending(root: Path) -> None:
    assert split(root, "path,split\n20_a.jpg,train\nsub\\30_b.jpg,valid\n40_c.jpg,test\n") == [
        0,
        2,
        1,
    ]
    assert split(root, "image;split\n30_b;train\n40_c;test\n") == [-1, 2, 0]


def test_a_name_that_two_folders_have_needs_its_path(root: Path) -> None:
    write_face(root / "other/30_b.png", 20, 9, 32)
    file = root.parent / "mine.csv"
    file.write_text("path,split\n30_b.png,train\n20_a.jpg,test\n")
    assert load_faces("folder", root, str(file)).codes.tolist() == [2, -1, -1, -1]


def test_what_cannot_be_used_is_told(root: Path) -> None:
    with pytest.raises(DataError, match="line 2: split 'x' is none of train, val, test"):
        split(root, "path,split\n20_a.jpg,x\n")
    with pytest.raises(DataError, match="in two splits"):
        split(root, "path,split\n20_a.jpg,train\n20_a.png,test\n")
    with pytest.raises(DataError, match="names none of the dataset's images"):
        split(root, "path,split\nz.jpg,train\n")
    with pytest.raises(DataError, match="expected a column 'split'; found: path, splits"):
        split(root, "path,splits\nz.jpg,train\n")
    with pytest.raises(DataError, match="cannot be read"):
        load_faces("folder", root, str(root / "none.csv"))
    with pytest.raises(ConfigError, match="has no protocol 'mine'") as caught:
        load_faces("folder", root, "mine")
    assert "or give a csv" in caught.value.hint
