from __future__ import annotations

import os
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agekit_datasets.cacd import CACD
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly
from scipy.io import savemat

from agekit.data.split import load_faces
from agekit.errors import DataError

PEOPLE = {
    "Ann_Lee": 1,
    "J.K._Rowling": 2,
    "Bo-Derek_X": 3,
    "Cy_O'Neal": 5,
    "Di_Fox": 6,
    "Ed_Gum": 9,
}
"""Each person's rank."""


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def column(values: list[Any]) -> np.ndarray:
    array = np.empty((len(values), 1), object)
    array[:, 0] = [np.array([value]) for value in values]
    return array


def write_mat(file: Path, names: list[str], ranks: list[int]) -> None:
    """Writes the two structs of the real file, each field a column of N."""
    n = len(names)
    numbers = {"identity": np.arange(1, n + 1)[:, None], "birth": np.full((n, 1), 1970)}
    images = {
        "age": np.array([[int(name.partition("_")[0])] for name in names]),
        "identity": numbers["identity"],
        "year": np.full((n, 1), 2004),
        "rank": np.array(ranks)[:, None],
        "lfw": np.zeros((n, 1)),
        "birth": numbers["birth"],
        "name": column(names),
    }
    people = {"name": column(names), **numbers, "rank": images["rank"]}
    savemat(file, {"celebrityData": people, "celebrityImageData": images}, do_compression=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        f"{20 + 7 * k + i}_{person}_{k + 1:04d}.jpg": rank
        for i, (person, rank) in enumerate(PEOPLE.items())
        for k in range(4)
    }
    for seed, name in enumerate(files):
        write_face(tmp_path / "set" / "CACD2000" / name, 30, seed)
    write_mat(tmp_path / "set" / "celebrity2000_meta.mat", list(files), list(files.values()))
    return tmp_path / "set"


def splits(root: Path, protocol: str) -> dict[str, set[int]]:
    """Each person's splits."""
    faces = load_faces(CACD(), root, protocol)
    found: dict[str, set[int]] = {}
    for i, code in enumerate(faces.codes.tolist()):
        person = faces.table.images.name(i).rpartition("/")[2].split("_", 1)[1][:-9]
        found.setdefault(person, set()).add(code)
    return found


def test_ages_people_and_the_official_split_are_read(root: Path) -> None:
    faces = load_faces(CACD(), root)
    table = faces.table
    assert faces.protocol == "cacd:official"
    assert faces.subject_exclusive
    assert faces.shared_identities == 0
    ages = {table.images.name(i): int(table.age[i]) for i in range(len(table))}
    assert ages["CACD2000/20_Ann_Lee_0001.jpg"] == 20
    assert ages["CACD2000/42_J.K._Rowling_0004.jpg"] == 42
    assert len(set(table.identity.tolist())) == len(PEOPLE)
    assert table.problems == ()
    assert splits(root, "official") == {
        "Ann_Lee": {1},
        "J.K._Rowling": {1},
        "Bo-Derek_X": {2},
        "Cy_O'Neal": {2},
        "Di_Fox": {0},
        "Ed_Gum": {0},
    }


@pytest.mark.parametrize("meta", ["celebrity2000_meta.mat", "CACD2000/celebrity2000_meta.mat"])
@pytest.mark.parametrize("below", ["", "CACD2000"])
def test_the_image_folder_itself_will_do(root: Path, meta: str, below: str) -> None:
    (root / "celebrity2000_meta.mat").rename(root / meta)
    faces = load_faces(CACD(), root / below)
    assert Counter(faces.codes.tolist()) == {0: 8, 1: 8, 2: 8}


def test_without_the_mat_people_are_split_and_no_differently(root: Path) -> None:
    before = splits(root, "identity-80-10-10")
    (root / "celebrity2000_meta.mat").unlink()
    assert splits(root, "identity-80-10-10") == before
    assert all(len(codes) == 1 for codes in before.values())
    with pytest.raises(DataError, match=r"needs celebrity2000_meta\.mat") as caught:
        load_faces(CACD(), root)
    assert "identity-80-10-10" in caught.value.hint
    problems = CACD().read(root).problems
    assert [(p.kind, p.name) for p in problems] == [("split", "celebrity2000_meta.mat")]


def test_files_and_lists_that_differ_are_told(root: Path) -> None:
    photos = root / "CACD2000"
    (photos / "20_Ann_Lee_0001.jpg").rename(photos / "20_Ann_Lee_0099.jpg")
    write_face(photos / "portrait.jpg")
    write_face(root / "copy" / "24_Di_Fox_0001.jpg")
    table = CACD().read(root)
    assert {(p.kind, p.name, p.detail) for p in table.problems} == {
        ("name", "CACD2000/portrait.jpg", "not named as CACD's images are"),
        (
            "split",
            "CACD2000/20_Ann_Lee_0099.jpg",
            "no rank in celebrity2000_meta.mat: no official split",
        ),
        (
            "missing",
            "20_Ann_Lee_0001.jpg",
            "listed in celebrity2000_meta.mat: no such file",
        ),
        ("duplicate", "copy/24_Di_Fox_0001.jpg", "the same as CACD2000/24_Di_Fox_0001.jpg"),
    }


SPELLINGS = {
    "composed": lambda name: unicodedata.normalize("NFC", name),
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "plain": lambda name: "20_Asa_Fernandez_0001.jpg",
    "as latin-1": lambda name: name.encode().decode("latin-1"),
    "as cp437": lambda name: name.encode().decode("cp437"),
    "as gbk": lambda name: "20_氓sa_Fern谩ndez_0001.jpg",
    "decomposed as cp437": lambda name: unicodedata.normalize("NFD", name).encode().decode("cp437"),
    "latin-1 bytes": lambda name: os.fsdecode(name.encode("latin-1")),
}


@pytest.mark.parametrize("listed", ["composed", "decomposed", "as latin-1"])
@pytest.mark.parametrize("stored", SPELLINGS)
def test_names_beyond_ascii_are_found_in_any_spelling(
    tmp_path: Path, stored: str, listed: str
) -> None:
    name = "20_Åsa_Fernández_0001.jpg"
    try:
        write_face(tmp_path / SPELLINGS[stored](name))
    except OSError:
        pytest.skip("the file system allows no such name")
    write_mat(tmp_path / "celebrity2000_meta.mat", [SPELLINGS[listed](name)], [4])
    faces = load_faces(CACD(), tmp_path)
    assert faces.codes.tolist() == [2]
    assert faces.problems == ()
    (tmp_path / "celebrity2000_meta.mat").unlink()
    assert CACD().read(tmp_path).identity.tolist() == faces.table.identity.tolist()


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "a" / "anna.jpg")
    with pytest.raises(DataError, match=r"expected CACD2000/\{age\}_.*; found: a/anna\.jpg"):
        CACD().read(tmp_path)


def test_an_unreadable_mat_is_told(root: Path) -> None:
    meta = root / "celebrity2000_meta.mat"
    meta.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with pytest.raises(DataError, match=r"version 7\.3"):
        CACD().read(root)
    meta.write_bytes(b"<html>not found</html>" * 20)
    with pytest.raises(DataError, match="damaged Matlab file, or none"):
        CACD().read(root)
    savemat(meta, {"celebrityImageData": {"rank": 1}})
    with pytest.raises(DataError, match="has no field name; found: rank"):
        CACD().read(root)


@pytest.mark.slow
def test_it_trains(root: Path) -> None:
    answer = train_briefly("cacd", root)
    assert set(answer["metrics"]) == {"val", "test"}
