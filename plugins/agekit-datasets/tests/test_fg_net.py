from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.fg_net import FGNet
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

NAMES = {
    "001A02.JPG": (1, 2),
    "001A43a.JPG": (1, 43),
    "001a43b.jpg": (1, 43),
    "002A00.JPG": (2, 0),
    "082A69.JPG": (82, 69),
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, (name, (_, age)) in enumerate(NAMES.items()):
        write_face(tmp_path / "FGNET" / "images" / name, age, seed)
    points = tmp_path / "FGNET" / "points" / "001a02.pts"
    points.parent.mkdir()
    points.write_text("version: 1\n")
    return tmp_path / "FGNET"


@pytest.mark.parametrize("below", ["", "images", ".."])
def test_labels_are_in_the_names(root: Path, below: str) -> None:
    table = FGNet().read((root / below).resolve())
    read = {
        table.images.name(i).rpartition("/")[2]: (int(table.identity[i]), int(table.age[i]))
        for i in range(len(table))
    }
    assert read == NAMES
    assert table.problems == ()


def test_other_images_and_copies_are_told(root: Path) -> None:
    write_face(root / "images" / "cover.jpg")
    write_face(root / "more" / "001a02.png")
    problems = FGNet().read(root).problems
    assert [(p.kind, p.name) for p in problems] == [
        ("name", "images/cover.jpg"),
        ("duplicate", "more/001a02.png"),
    ]


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "x" / "anna.jpg")
    with pytest.raises(DataError, match=r"expected images/\{person\}.*; found: anna\.jpg"):
        FGNet().read(tmp_path / "x")


def test_one_protocol_leaves_out_each_person(root: Path) -> None:
    assert len(FGNet.protocols) == 83
    assert all(rule.subject_exclusive for rule in FGNet.protocols.values())
    faces = load_faces("fg-net", root, "person-082")
    assert (faces.codes == np.where(faces.table.identity == 82, 2, 0)).all()
    assert faces.shared_identities == 0


def test_the_official_counts_and_every_fold(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for k in range(1002):
        person, picture = k % 82 + 1, k // 82
        letter = ("", "a")[picture % 2]
        (tmp_path / "images" / f"{person:03d}A{5 * (picture // 2):02d}{letter}.JPG").touch()
    table = FGNet().read(tmp_path)
    assert len(table) == FGNet.official["images"]
    assert len(set(table.identity.tolist())) == FGNet.official["people"]
    tested = np.zeros(len(table), int)
    for name, rule in FGNet.protocols.items():
        if name.startswith("person-"):
            codes = rule.assign(table)
            assert set(table.identity[codes == 2].tolist()) == {int(name[-3:])}
            tested += codes == 2
    assert (tested == 1).all()


@pytest.mark.slow
def test_a_split_by_people_and_training(tmp_path: Path) -> None:
    for person in range(1, 17):
        for k, age in enumerate((person, person + 20, person + 40)):
            write_face(tmp_path / "images" / f"{person:03d}A{age:02d}.JPG", age, person + 100 * k)
    faces = load_faces("fg-net", tmp_path)
    assert (len(faces.table), faces.shared_identities) == (48, 0)
    assert {0, 2} == set(faces.codes.tolist())
    answer = train_briefly("fg-net", tmp_path, "--protocol", "person-003")
    assert answer["metrics"]["test"]["mae"] > 0
