from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.all_age_faces import AllAgeFaces
from agekit_datasets.near_duplicates import by_listed_group
from agekit_synthfaces import write_face

from agekit.data.files import Files
from agekit.data.split import load_faces
from agekit.data.table import FaceTable
from agekit.errors import DataError

TRAIN = ("00000A02.jpg", "07380A35.jpg", "07381A36.jpg", "00072A03.jpg")
TEST = ("00001A02.jpg", "13321A80.jpg", "00277A05.jpg")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The release's layout; its lists end their lines as Windows does."""
    root = tmp_path / "All-Age-Faces Dataset"
    (root / "image sets").mkdir(parents=True)
    for list_name, names in (("train", TRAIN), ("val", TEST)):
        for seed, name in enumerate(names):
            write_face(root / "original images" / name, int(name[6:8]), seed=seed)
            write_face(root / "aglined faces" / name, int(name[6:8]), seed=seed)
        lines = (f"{name} {int(int(name[:5]) > 7380)}\r\n" for name in names)
        (root / f"image sets/{list_name}.txt").write_text("".join(lines), newline="")
    return root


def test_ages_genders_and_the_official_split(root: Path) -> None:
    faces = load_faces(AllAgeFaces(), root, "official")
    table = faces.table
    paths = [table.images.name(i) for i in range(len(table))]
    assert sorted(paths) == sorted(f"original images/{name}" for name in (*TRAIN, *TEST))
    at = {path.rpartition("/")[2]: i for i, path in enumerate(paths)}
    assert [table.age[at[name]] for name in TRAIN] == [2, 35, 36, 3]
    assert [table.gender[at[name]] for name in TRAIN] == [1, 1, 0, 1]
    assert [faces.codes[at[name]] for name in (*TRAIN, *TEST)] == [0] * 4 + [2] * 3
    assert faces.problems == ()


def test_any_root_will_do_and_what_is_missing_is_told(root: Path) -> None:
    (root / "image sets/val.txt").unlink()
    (root / "original images/00000A02.jpg").unlink()
    write_face(root / "original images/face.jpg", 30)
    for place in (root, root.parent):
        table = AllAgeFaces().read(place)
        assert len(table) == 6
        told = [(p.kind, p.name.rpartition("/")[2], p.kept) for p in table.problems]
        assert sorted(told) == [
            ("missing", "00000a02.jpg", False),
            ("missing", "val.txt", True),
            ("name", "face.jpg", False),
        ]


def test_another_layout_is_told(root: Path) -> None:
    with pytest.raises(DataError, match="expected original images/"):
        AllAgeFaces().read(root / "aglined faces")


def test_listed_near_duplicates_are_in_one_split(root: Path) -> None:
    write_face(root / "copy" / "x.jpg", 3, seed=3)  # the bytes of 00072A03, a listed one
    names = ["original images/00072A03.jpg", "original images/00277A05.jpg", "copy/x.jpg"]
    table = FaceTable.build(Files(root, names), [3, 5, 3])
    codes = [by_listed_group("all-age-faces", k / 20, 1 / 20)(table) for k in range(20)]
    assert all(len(np.unique(code)) == 1 for code in codes)
    assert len({int(code[0]) for code in codes}) > 1
