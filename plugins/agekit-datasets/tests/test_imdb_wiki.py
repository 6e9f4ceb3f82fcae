from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agekit_datasets.imdb_wiki import IMDB, IMDBWIKI, WIKI, age_in_photo
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly
from scipy.io import savemat

from agekit.data.split import load_faces
from agekit.data.table import FaceTable
from agekit.errors import DataError

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "imdb_wiki.py"
NAN, INF = math.nan, math.inf


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def born(year: int, month: int = 1, day: int = 1) -> int:
    """A date as Matlab counts it."""
    return date(year, month, day).toordinal() + 366


def row(path: str, **labels: Any) -> dict[str, Any]:
    usual = {
        "dob": born(1970),
        "photo_taken": 2000,
        "gender": 1.0,
        "name": "Ann Lee",
        "face_score": 3.0,
        "second_face_score": NAN,
    }
    return {"full_path": path, **usual, **labels}


def cells(values: list[Any]) -> np.ndarray:
    array = np.empty((1, len(values)), object)
    array[0, :] = values
    return array


def write_mat(file: Path, part: str, rows: list[dict[str, Any]], **fields: Any) -> None:
    """Writes the labels as the authors did: cells of texts, rows of numbers."""
    file.parent.mkdir(parents=True, exist_ok=True)
    struct: dict[str, Any] = {
        "dob": np.array([[r["dob"] for r in rows]], np.float64),
        "photo_taken": np.array([[r["photo_taken"] for r in rows]], np.uint16),
        "full_path": cells([r["full_path"] for r in rows]),
        "gender": np.array([[r["gender"] for r in rows]], np.float64),
        "name": cells([r["name"] for r in rows]),
        "face_location": cells([np.ones((1, 4)) for _ in rows]),
        "face_score": np.array([[r["face_score"] for r in rows]], np.float64),
        "second_face_score": np.array([[r["second_face_score"] for r in rows]], np.float64),
    }
    struct |= fields
    savemat(file, {part: {k: v for k, v in struct.items() if v is not None}}, do_compression=True)


def write_part(folder: Path, part: str, rows: list[dict[str, Any]]) -> None:
    write_mat(folder / f"{part}.mat", part, rows)
    for seed, r in enumerate(rows):
        write_face(folder / r["full_path"], 30, seed)


def labels(table: FaceTable) -> dict[str, tuple[int, int]]:
    return {
        table.images.name(i): (int(table.age[i]), int(table.gender[i])) for i in range(len(table))
    }


@pytest.fixture
def root(tmp_path: Path) -> Path:
    imdb = [
        row("01/nm0000001_rm1_1970-1-1_2000.jpg", gender=0.0),
        row("01/nm0000001_rm2_1970-1-1_2010.jpg", gender=0.0, photo_taken=2010),
        row("02/nm0000002_rm3_1968-6-30_2009.jpg", dob=born(1968, 6, 30), photo_taken=2009),
        row("02/nm0000003_rm4_1968-7-1_2009.jpg", dob=born(1968, 7), photo_taken=2009, name=""),
    ]
    wiki = [
        row("17/10000217_1981-05-05_2009.jpg", name="ANN  LEE", gender=NAN),
        row("18/10000218_1910-05-05_2010.jpg", dob=born(1910, 5), photo_taken=2010, name="Bo"),
    ]
    write_part(tmp_path / "data" / "imdb_crop", "imdb", imdb)
    write_part(tmp_path / "data" / "wiki_crop", "wiki", wiki)
    return tmp_path / "data"


def test_both_parts_are_read(root: Path) -> None:
    table = IMDBWIKI().read(root)
    assert labels(table) == {
        "imdb_crop/01/nm0000001_rm1_1970-1-1_2000.jpg": (30, 1),
        "imdb_crop/01/nm0000001_rm2_1970-1-1_2010.jpg": (40, 1),
        "imdb_crop/02/nm0000002_rm3_1968-6-30_2009.jpg": (41, 0),
        "imdb_crop/02/nm0000003_rm4_1968-7-1_2009.jpg": (40, 0),
        "wiki_crop/17/10000217_1981-05-05_2009.jpg": (30, -1),
        "wiki_crop/18/10000218_1910-05-05_2010.jpg": (100, 0),
    }
    assert table.problems == ()
    assert len(table.images.digests()) == 6


def test_a_person_has_one_identity_in_both_parts(root: Path) -> None:
    identity = IMDBWIKI().read(root).identity.tolist()
    assert identity[0] == identity[1] == identity[2] == identity[4]
    assert len(set(identity)) == 3
    assert min(identity) >= 0
    assert IMDB().read(root).identity.tolist() == identity[:4]


@pytest.mark.parametrize("below", ["", "imdb_crop"])
def test_a_part_alone_is_read_from_its_folder_or_the_one_above(root: Path, below: str) -> None:
    table = IMDB().read(root / below)
    assert len(table) == 4
    assert table.images.name(0) == ("" if below else "imdb_crop/") + (
        "01/nm0000001_rm1_1970-1-1_2000.jpg"
    )
    table.images.decode(0, 32)


def test_the_whole_photos_will_do(root: Path) -> None:
    (root / "wiki_crop").rename(root / "wiki")
    assert WIKI().read(root).images.name(0).startswith("wiki/17/")
    assert len(IMDBWIKI().read(root)) == 6


def test_what_the_filter_leaves_out_is_counted_by_reason(tmp_path: Path) -> None:
    rows = [
        row("00/a.jpg"),
        row("00/none1.jpg", face_score=-INF),
        row("00/none2.jpg", face_score=-INF, second_face_score=2.0),
        row("00/weak.jpg", face_score=0.99),
        row("00/two.jpg", second_face_score=1.5),
        row("00/unborn.jpg", dob=born(2031)),
        row("00/methuselah.jpg", dob=365),
        row("00/undated.jpg", dob=NAN),
    ]
    write_mat(tmp_path / "wiki.mat", "wiki", rows)
    write_face(tmp_path / "00" / "a.jpg")
    table = WIKI().read(tmp_path)
    assert list(labels(table)) == ["00/a.jpg"]
    assert [(p.kind, p.name, p.detail) for p in table.problems] == [
        ("filter", "00/none1.jpg", "no face was found; left out with 1 more rows of wiki.mat"),
        (
            "filter",
            "00/weak.jpg",
            "the face's score is below 1; left out with 0 more rows of wiki.mat",
        ),
        ("filter", "00/two.jpg", "a second face was found; left out with 0 more rows of wiki.mat"),
        (
            "filter",
            "00/unborn.jpg",
            "the age is not from 0 to 100; left out with 2 more rows of wiki.mat",
        ),
    ]


def test_missing_files_and_repeated_rows_are_told(root: Path) -> None:
    paths = ["01/gone.jpg", "02/here.jpg", "02/here.jpg"]
    write_mat(root / "imdb_crop" / "imdb.mat", "imdb", [row(path) for path in paths])
    write_face(root / "imdb_crop" / "02" / "here.jpg")
    table = IMDB().read(root)
    assert list(labels(table)) == ["imdb_crop/02/here.jpg"]
    assert {(p.kind, p.name, p.detail) for p in table.problems} == {
        ("missing", "imdb_crop/01/gone.jpg", "imdb.mat row 1: no such file"),
        (
            "duplicate",
            "imdb_crop/02/here.jpg",
            "imdb.mat row 3: named before in row 2; the first row counts",
        ),
    }


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/secret.jpg"])
def test_a_path_that_leads_out_is_refused(root: Path, path: str) -> None:
    write_mat(root / "imdb_crop" / "imdb.mat", "imdb", [row(path)])
    with pytest.raises(DataError, match="leads out of the dataset's folder"):
        IMDB().read(root)


def test_the_age_is_the_year_difference_less_one_from_july_on() -> None:
    days = np.array([born(1990, 1), born(1990, 6, 30), born(1990, 7), born(1990, 12, 31), 1, NAN])
    ages = age_in_photo(days, np.full(6, 2010.0))
    assert ages[:5].tolist() == [20, 20, 19, 19, 2009]
    assert np.isnan(ages[5])
    assert np.isnan(age_in_photo(np.array([born(1990)]), np.array([NAN]))).all()


def test_the_age_is_that_of_the_rule_day_by_day() -> None:
    rng = np.random.default_rng(0)
    days = rng.uniform(-1000, 740_000, 3000)
    taken = rng.integers(1900, 2016, 3000).astype(np.float64)
    expected = []
    for day, year in zip(days.tolist(), taken.tolist(), strict=True):
        birth = date.fromordinal(max(int(day) - 366, 1))
        expected.append(year - birth.year - (birth.month >= 7))
    assert age_in_photo(days, taken).tolist() == expected
    assert np.isfinite(age_in_photo(np.array([1e300, -1e300]), np.array([2000.0, 2000.0]))).all()


def test_the_split_is_by_person_and_has_no_test(tmp_path: Path) -> None:
    rows = [row(f"00/{i}_{k}.jpg", name=f"Person {i}") for i in range(200) for k in range(2)]
    write_mat(tmp_path / "wiki.mat", "wiki", rows)
    (tmp_path / "00").mkdir()
    for r in rows:
        (tmp_path / r["full_path"]).write_bytes(b"")
    faces = load_faces(WIKI(), tmp_path)
    assert faces.protocol == "wiki:pretrain"
    assert faces.subject_exclusive
    assert faces.shared_identities == 0
    counts = Counter(faces.codes.tolist())
    assert counts.keys() == {0, 1}
    assert 4 <= counts[1] <= 40


def test_another_layout_says_expected_and_found(root: Path) -> None:
    (root / "wiki_crop" / "wiki.mat").unlink()
    with pytest.raises(DataError, match=r"expected wiki_crop/wiki\.mat .*; found: imdb_crop, wik"):
        WIKI().read(root)
    with pytest.raises(DataError) as caught:
        IMDBWIKI().read(root)
    assert caught.value.message.endswith("; found: imdb_crop/imdb.mat")
    assert "the dataset 'imdb' reads that part alone" in caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no Matlab file",
        b"no Matlab file at all, and longer than a header: " * 20,
        b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM",
    ],
)
def test_a_file_that_is_no_matlab_file_is_told(root: Path, content: bytes) -> None:
    (root / "imdb_crop" / "imdb.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"imdb\.mat: ") as caught:
        IMDB().read(root)
    assert "vision.ee.ethz.ch" in caught.value.hint


def test_a_truncated_or_overwritten_file_is_told(root: Path) -> None:
    file = root / "imdb_crop" / "imdb.mat"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for size in (len(whole) // 2, len(whole) - 1, 200, 130):
        file.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"imdb\.mat"):
            IMDB().read(root)
    for _ in range(30):
        damaged = bytearray(whole)
        damaged[int(rng.integers(128, len(whole)))] ^= 1 << int(rng.integers(8))
        file.write_bytes(damaged)
        with contextlib.suppress(DataError):
            IMDB().read(root)


def test_a_file_of_version_7_3_says_so(root: Path) -> None:
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    (root / "imdb_crop" / "imdb.mat").write_bytes(header.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n")
    with pytest.raises(DataError, match=r"version 7\.3 \(HDF5\)") as caught:
        IMDB().read(root)
    assert "-v7" in caught.value.hint


def test_a_struct_that_differs_is_told(root: Path) -> None:
    file = root / "imdb_crop" / "imdb.mat"
    write_mat(file, "wiki", [row("01/a.jpg")])
    with pytest.raises(DataError, match="expected a struct 'imdb'"):
        IMDB().read(root)
    savemat(file, {"imdb": np.ones(3)})
    with pytest.raises(DataError, match="expected a struct 'imdb'"):
        IMDB().read(root)
    write_mat(file, "imdb", [row("01/a.jpg")], gender=None)
    with pytest.raises(DataError, match="imdb has no field gender; found: dob, photo_taken"):
        IMDB().read(root)
    write_mat(file, "imdb", [row("01/a.jpg")], gender=np.ones((1, 2)))
    with pytest.raises(DataError, match=r"differ in length: .*gender 2"):
        IMDB().read(root)


def test_numbers_and_texts_of_another_type_are_taken_as_unknown(root: Path) -> None:
    file = root / "imdb_crop" / "imdb.mat"
    rows = [row("01/nm0000001_rm1_1970-1-1_2000.jpg"), row("01/nm0000001_rm2_1970-1-1_2010.jpg")]
    write_mat(file, "imdb", rows, gender=cells(["m", "f"]), name=cells([1.0, np.zeros((0, 0))]))
    table = IMDB().read(root)
    assert table.gender.tolist() == [-1, -1]
    assert table.identity[0] == table.identity[1] >= 0


@pytest.mark.slow
def test_it_trains(tmp_path: Path) -> None:
    for part, pattern in (("imdb", "{}/nm{}_rm{}_x.jpg"), ("wiki", "{}/{}_{}.jpg")):
        rows = [
            row(pattern.format("00", i, i), name=f"{part} {i}", dob=born(1940 + 5 * (i % 10)))
            for i in range(12)
        ]
        write_part(tmp_path / f"{part}_crop", part, rows)
    answer = train_briefly("imdb-wiki", tmp_path)
    assert set(answer["metrics"]) == {"val"}


def test_scipy_is_imported_only_to_read() -> None:
    check = "import sys, agekit_datasets.imdb_wiki; sys.exit('scipy' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def measure(*options: str) -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARK), "--json", *options]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    result: dict[str, Any] = json.loads(told)
    return result


@pytest.mark.slow
def test_twenty_thousand_rows_are_read_quickly() -> None:
    result = measure("--rows", "20000")
    assert result["cpu_seconds"] < 5
    assert result["bytes"] < 500e6
    assert result["shared_identities"] == 0
    assert result["splits"]["train"] > 9 * result["splits"]["val"] > 0


@pytest.mark.slow
@pytest.mark.heavy
def test_all_rows_are_read_in_half_a_minute_and_two_gigabytes() -> None:
    result = measure()
    assert result["cpu_seconds"] < 30
    assert result["bytes"] < 2e9
    assert result["kept"] > 150_000
