from __future__ import annotations

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from agekit_datasets.agedb import AgeDB
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

NAMES = {
    "0_MariaCallas_35_f.jpg": (35, 1),
    "1_MariaCallas_40_f.jpg": (40, 1),
    "10000_GlennClose_62_f.jpg": (62, 1),
    "12_Peter_O'Toole_31_m.jpg": (31, 0),
    "13_JoséFerrer_1_m.jpg": (1, 0),
    "14_Jean-PaulBelmondo_101_M.JPG": (101, 0),
}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for seed, (name, (age, _)) in enumerate(NAMES.items()):
        write_face(tmp_path / "AgeDB" / name, age, seed)
    return tmp_path / "AgeDB"


def test_labels_are_in_the_names(root: Path) -> None:
    table = AgeDB().read(root)
    read = {
        table.images.name(i): (int(table.age[i]), int(table.gender[i])) for i in range(len(table))
    }
    assert read == NAMES
    people = {table.images.name(i): int(table.identity[i]) for i in range(len(table))}
    assert people["0_MariaCallas_35_f.jpg"] == people["1_MariaCallas_40_f.jpg"]
    assert len(set(people.values())) == 5
    assert min(people.values()) >= 0
    assert table.problems == ()


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are any bytes")
def test_a_person_is_the_same_however_the_name_is_encoded(tmp_path: Path) -> None:
    names = [
        unicodedata.normalize("NFC", "1_JoséFerrer_30_m.jpg").encode(),
        unicodedata.normalize("NFD", "2_JoséFerrer_40_m.jpg").encode(),
        "3_JoséFerrer_50_m.jpg".encode("latin-1"),
    ]
    for seed, name in enumerate(names):
        write_face(tmp_path / os.fsdecode(name), 30, seed)
    table = AgeDB().read(tmp_path)
    assert len(table) == 3
    assert len(set(table.identity.tolist())) == 1
    assert table.images.digests().shape == (3, 16)


def test_the_folder_above_will_do_and_others_are_told(root: Path) -> None:
    write_face(root / "MariaCallas.jpg")
    write_face(root / "1_MariaCallas_x_f.jpg")
    table = AgeDB().read(root.parent)
    assert len(table) == len(NAMES)
    assert [(p.kind, p.name) for p in table.problems] == [
        ("name", "AgeDB/1_MariaCallas_x_f.jpg"),
        ("name", "AgeDB/MariaCallas.jpg"),
    ]


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "x" / "anna.jpg")
    with pytest.raises(DataError, match=r"expected AgeDB/.*; found: anna\.jpg") as caught:
        AgeDB().read(tmp_path / "x")
    assert "ibug" in caught.value.hint


def test_all_may_be_test(root: Path) -> None:
    assert load_faces("agedb", root, "test").codes.tolist() == [2] * len(NAMES)


@pytest.mark.slow
def test_a_split_by_people_and_training(tmp_path: Path) -> None:
    for k in range(80):
        name = f"{k}_Person_{k // 2}_{20 + k // 2}_{'mf'[k // 2 % 2]}.jpg"
        write_face(tmp_path / name, 20 + k // 2, k)
    faces = load_faces("agedb", tmp_path)
    assert set(faces.codes.tolist()) == {0, 1, 2}
    assert faces.shared_identities == 0
    assert faces.subject_exclusive
    answer = train_briefly("agedb", tmp_path)
    assert answer["metrics"]["val"]["mae"] > 0
    assert answer["metrics"]["test"]["mae"] > 0
