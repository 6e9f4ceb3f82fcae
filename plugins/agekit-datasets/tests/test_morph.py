from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.morph import MORPH, RACES
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.data.table import FaceTable
from agekit.errors import DataError

HEADER = "id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo"
OFFICIAL = "morph_2008_nonCommercial.csv"


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def line(photo: str, *, age: float | str, person: int, race: str = "B", gender: str = "M") -> str:
    picture = photo.partition("_")[2][:1]
    return f"{person},{picture},5/1/1951,11/22/2005,{race},{gender},0,{age},0,NULL,Album2/{photo}"


def release(root: Path) -> Path:
    """The layout of the release: the csv and a folder of photos."""
    rows = [
        line("009055_0M54.JPG", age=54, person=9055),
        line("009055_1M54.JPG", age=54, person=9055),
        line("026499_01F19.JPG", age=19, person=26499, race="W", gender="F"),
        line("300001_2M77.JPG", age=77, person=300001, race="H"),
        line("300002_0F16.JPG", age=16, person=300002, race="A", gender="F"),
        line("300003_0F33.JPG", age=33, person=300003, race="O", gender="F"),
    ]
    for seed, row in enumerate(rows):
        write_face(root / row.rpartition(",")[2], seed=seed)
    root.joinpath(OFFICIAL).write_text("\n".join([HEADER, *rows]) + "\n")
    return root


def columns(table: FaceTable) -> dict[str, tuple[float, int, int, str]]:
    names = (*table.group_names, "")
    return {
        table.images.name(i): (
            float(table.age[i]),
            int(table.identity[i]),
            int(table.gender[i]),
            names[table.group[i]],
        )
        for i in range(len(table))
    }


LABELS = {
    "Album2/009055_0M54.JPG": (54, 9055, 0, "Black"),
    "Album2/009055_1M54.JPG": (54, 9055, 0, "Black"),
    "Album2/026499_01F19.JPG": (19, 26499, 1, "White"),
    "Album2/300001_2M77.JPG": (77, 300001, 0, "Hispanic"),
    "Album2/300002_0F16.JPG": (16, 300002, 1, "Asian"),
    "Album2/300003_0F33.JPG": (33, 300003, 1, "Other"),
}


def test_the_release_is_read_from_its_csv(tmp_path: Path) -> None:
    table = MORPH().read(release(tmp_path / "MORPH"))
    assert columns(table) == LABELS
    assert table.group_names == tuple(RACES.values())
    assert table.problems == ()


def test_the_folder_above_and_another_csv_name_will_do(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    (root / OFFICIAL).rename(root / "labels.CSV")
    table = MORPH().read(tmp_path)
    assert columns(table) == {f"MORPH/{name}": row for name, row in LABELS.items()}


def test_file_names_alone_will_do_in_albums_or_flat(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    (root / OFFICIAL).unlink()
    (root / "Album2/026499_01F19.JPG").rename(root / "026499_01F19.jpg")
    table = MORPH().read(root)
    read = {Path(name).stem: row[:3] for name, row in columns(table).items()}
    assert read == {Path(name).stem: row[:3] for name, row in LABELS.items()}
    assert (table.group == -1).all()


def test_foreign_names_and_copies_are_told(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    (root / OFFICIAL).unlink()
    write_face(root / "copy/009055_0M54.png")
    write_face(root / "portrait.jpg")
    (root / "readme.txt").write_text("x")
    table = MORPH().read(root)
    assert len(table) == len(LABELS)
    assert [(p.kind, p.name) for p in table.problems] == [
        ("duplicate", "copy/009055_0M54.png"),
        ("name", "portrait.jpg"),
        ("name", "readme.txt"),
    ]


def test_photos_that_the_csv_does_not_name_are_told(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    write_face(root / "Album2/300009_0F40.JPG")
    write_face(root / "Album2/300009_1F41.JPG")
    (problem,) = MORPH().read(root).problems
    assert (problem.kind, problem.name) == ("unlisted", "Album2/300009_0F40.JPG")
    assert problem.detail == f"{OFFICIAL} does not name it: left out with 1 more"


def test_the_csv_counts_where_the_name_says_another_age(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    text = (root / OFFICIAL).read_text()
    (root / OFFICIAL).write_text(text.replace("F,0,19,", "F,0,21,"))
    table = MORPH().read(root)
    assert columns(table)["Album2/026499_01F19.JPG"][0] == 21
    (problem,) = table.problems
    assert (problem.kind, problem.name) == ("label", "Album2/026499_01F19.JPG")
    assert problem.detail == f"{OFFICIAL} line 4: age 21, but 19 in the name; the csv counts"


def test_photos_are_found_where_they_were_moved_and_however_they_end(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    for path in (root / "Album2").iterdir():
        path.rename(root / path.with_suffix(".jpeg").name)
    (root / "Album2").rmdir()
    table = MORPH().read(root)
    assert columns(table) == {f"{Path(n).stem}.jpeg": row for n, row in LABELS.items()}
    write_face(root / "a/009055_0M54.jpg")
    write_face(root / "b/009055_0M54.jpg")
    (root / "009055_0M54.jpeg").unlink()
    (problem,) = MORPH().read(root).problems
    assert problem.kind == "missing"
    assert "of that name: a/009055_0M54.jpg, b/009055_0M54.jpg" in problem.detail


def test_odd_rows_are_told_and_the_rest_is_read(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    more = [
        line("009999_0M20.JPG", age=20, person=9999),
        line("009055_1M54.JPG", age=54, person=9055),
        line("300004_0F33.JPG", age="NULL", person=300004),
        line("300005_0F33.JPG", age=33, person=300005, race="Q", gender="X"),
    ]
    write_face(root / "Album2/300004_0F33.JPG")
    write_face(root / "Album2/300005_0F33.JPG")
    with (root / OFFICIAL).open("a") as file:
        file.write("\r\n".join(more))
    table = MORPH().read(root)
    assert len(table) == len(LABELS) + 1
    assert columns(table)["Album2/300005_0F33.JPG"] == (33, 300005, -1, "")
    kinds = [p.kind for p in table.problems]
    assert kinds == ["missing", "duplicate", "gender", "group", "age"]


def test_a_row_that_points_outside_is_refused(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    write_face(tmp_path / "009055_0M54.JPG")
    text = (root / OFFICIAL).read_text()
    (root / OFFICIAL).write_text(text.replace("Album2/009055_0", "../009055_0"))
    with pytest.raises(DataError, match=r"'\.\./009055_0M54\.JPG' leads out of the dataset's"):
        MORPH().read(root)


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "x" / "anna.jpg")
    with pytest.raises(DataError, match=r"expected morph_2008.*\.JPG alone.*; found: anna\.jpg"):
        MORPH().read(tmp_path / "x")


def test_two_csv_files_of_labels_are_refused(tmp_path: Path) -> None:
    root = release(tmp_path / "MORPH")
    text = (root / OFFICIAL).read_text()
    (root / "a.csv").write_text(text)
    assert len(MORPH().read(root)) == len(LABELS)
    (root / OFFICIAL).rename(root / "b.csv")
    with pytest.raises(DataError, match=r"expected one csv .*; found: a\.csv, b\.csv"):
        MORPH().read(root)


def generate(root: Path, people: int, images: int) -> Sequence[str]:
    """A release of drawn faces: hard links of four of them under all the photos' names."""
    faces = [write_face(root / f"{k}.png", seed=k, size=16).read_bytes() for k in range(4)]
    rng = np.random.default_rng(0)
    owner = np.concatenate([np.arange(people), rng.integers(0, people, images - people)])
    count = np.zeros(people, int)
    album = root / "Album2"
    album.mkdir()
    rows = [HEADER]
    for k, face in enumerate(faces):
        (root / f"{k}.png").unlink()
        (album / f"{k}").write_bytes(face)
    for i, person in enumerate(owner.tolist()):
        gender = "MF"[person % 6 == 0]
        age = 16 + (person * 7 + count[person]) % 62
        photo = f"{person + 1:06d}_{count[person]}{gender}{age}.JPG"
        count[person] += 1
        os.link(album / str(i % 4), album / photo)
        race = "BBBBWH"[person % 6]
        rows.append(line(photo, age=age, person=person + 1, race=race, gender=gender))
    for k in range(4):
        (album / f"{k}").unlink()
    (root / OFFICIAL).write_text("\r\n".join(rows))
    return rows[1:]


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [True, False])
def test_a_release_of_the_official_size(tmp_path: Path, labelled: bool) -> None:
    root = tmp_path / "MORPH"
    generate(root, people=MORPH.official["people"], images=MORPH.official["images"])
    if not labelled:
        (root / OFFICIAL).unlink()
    start = time.monotonic()
    faces = load_faces(MORPH(), root)
    assert time.monotonic() - start < 15
    assert faces.protocol == "morph:random-80-20"
    assert not faces.subject_exclusive
    assert faces.problems == ()
    assert len(faces.table) == 55134
    assert len(np.unique(faces.table.identity)) == 13617
    assert (faces.table.age.min(), faces.table.age.max()) == (16, 77)
    assert set(np.unique(faces.codes)) == {0, 2}
    assert abs((faces.codes == 0).mean() - 0.8) < 0.01
    assert 6000 < faces.shared_identities < 13617
    faces = load_faces(MORPH(), root, "subject-80-20")
    assert faces.subject_exclusive
    assert faces.shared_identities == 0
    assert abs((faces.codes == 0).mean() - 0.8) < 0.01
    people = np.unique(np.stack([faces.table.identity, faces.codes]), axis=1)
    assert people.shape[1] == 13617
    assert abs((people[1] == 0).mean() - 0.8) < 0.01


def test_the_random_split_goes_by_the_name_alone(tmp_path: Path) -> None:
    generate(tmp_path / "a", people=20, images=60)
    generate(tmp_path / "b", people=20, images=60)
    for path in (tmp_path / "b/Album2").iterdir():
        path.rename(tmp_path / "b" / f"{path.stem.lower()}.jpeg")
    for protocol in MORPH.protocols:
        first, second = (load_faces(MORPH(), tmp_path / n, protocol) for n in "ab")
        assert [Path(p).stem.lower() for p in first.table.images.paths] == [
            Path(p).stem for p in second.table.images.paths
        ]
        assert (first.codes == second.codes).all()


@pytest.mark.slow
def test_it_trains(tmp_path: Path) -> None:
    generate(tmp_path / "MORPH", people=40, images=60)
    for options in ((), ("--protocol", "subject-80-20")):
        answer = train_briefly("morph", tmp_path / "MORPH", *options)
        assert answer["metrics"]["test"]["mae"] > 0
