from __future__ import annotations

from pathlib import Path

import pytest
from agekit_datasets.imdb_clean import IMDBClean
from agekit_synthfaces import write_face
from agekit_testkit import train_briefly

from agekit.data.split import load_faces
from agekit.errors import DataError

HEADER = "filename,age,gender,x_min,y_min,x_max,y_max,head_roll,head_yaw,head_pitch"
SPLITS = ("train", "valid", "test")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def rows(split: str, count: int = 4) -> list[tuple[str, int, str]]:
    """Path, age and gender; of two people, whom train and valid share."""
    who = 7 if split == "test" else 1
    return [
        (
            f"{who + k % 2:02d}/nm{who + k % 2:07d}_rm{k}{split}_1968-1-1_2009.jpg",
            20 + 9 * k,
            "MF"[k % 2],
        )
        for k in range(count)
    ]


def write_csv(path: Path, lines: list[str], header: str = HEADER) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n")


def write_set(root: Path, csvs: str, images: str, ending: str = "") -> Path:
    for split in SPLITS:
        lines = [f"{p},{a},{g},31,39,61,77,7.786,1.797,2.221" for p, a, g in rows(split)]
        write_csv(root / csvs / f"imdb_{split}_new{ending}.csv", lines)
        for seed, (path, age, _) in enumerate(rows(split)):
            write_face(root / images / path, age, seed)
    return root


def test_labels_people_and_splits_are_read(tmp_path: Path) -> None:
    faces = load_faces(IMDBClean(), write_set(tmp_path / "set", "", ""))
    table = faces.table
    assert faces.protocol == "imdb-clean:official"
    read = {
        table.images.name(i): (int(table.age[i]), int(table.gender[i]), int(faces.codes[i]))
        for i in range(len(table))
    }
    assert read == {
        path: (age, "MF".index(gender), code)
        for code, split in enumerate(SPLITS)
        for path, age, gender in rows(split)
    }
    assert len(set(table.identity.tolist())) == 4
    assert not faces.subject_exclusive
    assert faces.shared_identities == 2
    assert table.problems == ()


@pytest.mark.parametrize(
    ("csvs", "images", "ending"),
    [
        ("csvs", "data/imdb", ""),
        ("csvs", "data/imdb-clean-1024", "_1024"),
        ("", "imdb-clean-1024/imdb-clean-1024", "_1024"),
        ("imdb-clean-1024", "imdb-clean-1024", "_1024"),
        ("annotations", "images", ""),
        ("imdb-clean/csvs", "imdb-clean/data/imdb-clean-1024", "_1024"),
    ],
)
def test_every_usual_layout_is_found(tmp_path: Path, csvs: str, images: str, ending: str) -> None:
    faces = load_faces(IMDBClean(), write_set(tmp_path / "set", csvs, images, ending))
    assert [len(faces.rows(s)) for s in ("train", "val", "test")] == [4, 4, 4]
    assert faces.table.images.name(0).startswith(f"{images}/")
    assert faces.problems == ()


def test_the_crops_go_before_the_whole_photos_and_the_painted_copies(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", "csvs", "data/imdb")
    write_set(root, "csvs", "data/imdb-clean-1024-visualisation")
    assert load_faces(IMDBClean(), root).table.images.name(0).startswith("data/imdb/")
    write_set(root, "csvs", "data/imdb-clean-1024", "_1024")
    faces = load_faces(IMDBClean(), root)
    assert len(faces.table) == 12
    assert faces.table.images.name(0).startswith("data/imdb-clean-1024/")


def test_odd_rows_and_missing_lists_are_told(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", "", "")
    (root / "imdb_test_new.csv").unlink()
    good, other = (path for path, _, _ in rows("valid")[:2])
    header = "img_name,age,gender,face_x0,face_y0,face_x1,face_y1"
    lines = [
        f"{good},-1,-1,1,1,2,2",
        f"{good},33,M,1,1,2,2",
        f"{other},old,F,1,1,2,2",
        "03/gone.jpg,40,F,1,1,2,2",
        f"{rows('valid')[2][0]},50,X,1,1,2,2",
    ]
    write_csv(root / "imdb_valid_new.csv", lines, header)
    table = IMDBClean().read(root)
    ages = {table.images.name(i): int(table.age[i]) for i in range(len(table))}
    assert ages[good] == 33
    assert len(table) == 6
    assert sorted((p.kind, p.name) for p in table.problems) == [
        ("age", other),
        ("gender", rows("valid")[2][0]),
        ("missing", "03/gone.jpg"),
        ("missing", "imdb_test_new.csv"),
        ("unlabelled", "imdb_valid_new.csv"),
    ]


def test_a_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", "", "")
    write_csv(root / "imdb_train_new.csv", ["../secret.jpg,30,M"], "img,age,gender")
    with pytest.raises(DataError, match="leads out of the dataset's folder"):
        IMDBClean().read(root)


def test_another_layout_says_expected_and_found(tmp_path: Path) -> None:
    write_face(tmp_path / "00" / "a.jpg")
    with pytest.raises(DataError, match=r"expected imdb_train_new\.csv, .*; found: 00/a\.jpg"):
        IMDBClean().read(tmp_path)
    write_csv(tmp_path / "imdb_train_new.csv", ["a.jpg,30"], "picture,age")
    with pytest.raises(
        DataError, match=r"expected a column 'filename' or 'img' .*; found: picture"
    ):
        IMDBClean().read(tmp_path)


@pytest.mark.slow
def test_it_trains(tmp_path: Path) -> None:
    answer = train_briefly("imdb-clean", write_set(tmp_path / "set", "csvs", "data/imdb"))
    assert set(answer["metrics"]) == {"val", "test"}
