"""Several datasets as one: names, rows, splits, people, and pictures that two of them have."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from agekit_synthfaces import SynthFaces, write_face

from agekit.cli import main
from agekit.cli.dataset_options import _parse_by_dataset
from agekit.data.pool import FacePool
from agekit.data.several import for_each, members
from agekit.data.source import open_dataset
from agekit.data.split import Faces, load_faces
from agekit.data.table import SPLITS
from agekit.errors import AgekitError, ConfigError, DataError


def table_of(folder: Path, rows: list[str], columns: str = "path,age,split") -> Path:
    """A csv of drawn faces; a row's picture is that of its age and of the name's number."""
    for row in rows:
        name, age = row.split(",")[:2]
        write_face(folder / name, float(age or 30), seed=int(Path(name).stem), size=32)
    (folder / "labels.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    return folder / "labels.csv"


@pytest.fixture
def roots(tmp_path: Path) -> dict[str, Path]:
    """A table with sigmas, people and groups, and a folder with neither; 3 is in both."""
    rows = [
        f"{k}.png,{20 + k},{split},{k // 2},{group},2.5"
        for k, (split, group) in enumerate(
            [("train", "a"), ("train", "b"), ("val", "b"), ("train", "a"), ("test", "a")]
        )
    ]
    named = table_of(tmp_path / "csv", rows, "path,age,split,identity,group,sigma").parent
    plain = ["3.png,23,test", "9.png,29,train", "8.png,28,val", "7.png,50,train"]
    return {"csv": named / "labels.csv", "folder": table_of(tmp_path / "folder", plain).parent}


def both(roots: dict[str, Path], **options: object) -> Faces:
    told: list[str] = []
    faces = load_faces("csv+folder", roots, "column", tell=told.append, **options)
    assert list(faces.table.notes) == told
    return faces


def split_names(faces: Faces) -> dict[str, str]:
    splits = [*SPLITS, "none"]
    return {faces.table.images.name(i): splits[code] for i, code in enumerate(faces.codes)}


def test_each_keeps_its_own_split_and_columns(roots: dict[str, Path]) -> None:
    faces = both(roots)
    assert (faces.dataset, faces.protocol) == ("csv+folder", "csv:column+folder:column")
    assert faces.table.misfit() == ""
    assert split_names(faces) == {
        "csv/0.png": "train",
        "csv/1.png": "train",
        "csv/2.png": "val",
        "csv/3.png": "none",
        "csv/4.png": "test",
        "folder/3.png": "test",
        "folder/7.png": "train",
        "folder/8.png": "val",
        "folder/9.png": "train",
    }
    np.testing.assert_array_equal(faces.table.sigma[:5], 2.5)
    assert np.isnan(faces.table.sigma[5:]).all()
    assert faces.table.group_names == ("a", "b")
    assert faces.table.group.tolist() == [0, 1, 1, 0, 0, -1, -1, -1, -1]
    assert [part.split_hash for part in faces.parts] == [
        load_faces(name, root, "column").split_hash for name, root in roots.items()
    ]
    assert faces.split_hash not in [part.split_hash for part in faces.parts]


def test_a_picture_that_another_dataset_tests_on_is_not_trained_on(roots: dict[str, Path]) -> None:
    [note] = [note for note in both(roots).table.notes if "byte for byte" in note]
    assert note.startswith("1 face is in the train split of one dataset and in the val or test")
    assert note.endswith("left out of train, such as csv/3.png")


def test_nor_is_one_of_the_test_looked_at_in_training(tmp_path: Path) -> None:
    roots = {
        "csv": table_of(tmp_path / "a", ["0.png,20,train", "1.png,30,val", "2.png,40,test"]),
        "folder": table_of(
            tmp_path / "b", ["1.png,30,test", "2.png,40,test", "0.png,20,train", "5.png,25,val"]
        ).parent,
    }
    splits = split_names(both(roots))
    assert splits["csv/1.png"] == "none"
    assert [splits[name] for name in ("csv/2.png", "folder/2.png")] == ["test"] * 2
    assert [splits[name] for name in ("csv/0.png", "folder/0.png")] == ["train"] * 2


def test_people_of_two_datasets_are_two(roots: dict[str, Path], tmp_path: Path) -> None:
    rows = ["20.png,20,train,0", "21.png,30,test,1", "22.png,31,test,"]
    roots["folder"] = table_of(tmp_path / "more", rows, "path,age,split,identity").parent
    identity = both(roots).table.identity
    assert len(np.unique(identity)) == 3 + 2 + 1
    assert (identity < 0).tolist() == [False] * 5 + [False, False, True]
    assert identity[0] == identity[1] != identity[2] == identity[3]
    order = load_faces("folder+csv", roots, "column").table.identity
    assert sorted(order.tolist()) == sorted(identity.tolist())


def test_the_cache_is_shared_with_each_by_itself(roots: dict[str, Path]) -> None:
    pool = FacePool.open(32)
    for name, root in roots.items():
        pool.slots(load_faces(name, root).table.images)
    held = len(pool)
    images = both(roots).table.images
    pool.slots(images, lambda done, total: pytest.fail("decoded twice"))
    assert len(pool) == held == len({d.tobytes() for d in images.digests()})
    part = images.take(np.array([8, 2, 5]))
    assert [part.name(i) for i in range(3)] == [images.name(i) for i in (8, 2, 5)]
    np.testing.assert_array_equal(part.digests(), images.digests()[[8, 2, 5]])
    np.testing.assert_array_equal(part.decode(0, 16), images.decode(8, 16))


def test_a_protocol_without_a_name_holds_for_all_that_have_it(roots: dict[str, Path]) -> None:
    told: list[str] = []
    where = {"folder": roots["folder"]}
    faces = load_faces("synthfaces+folder", where, "tiny", tell=told.append)
    assert faces.protocol == f"synthfaces:tiny+folder:{faces.parts[1].protocol.partition(':')[2]}"
    assert any("folder has no protocol 'tiny': it is split by its default" in note for note in told)
    again = load_faces("synthfaces+folder", where, faces.protocol)
    assert again.split_hash == faces.split_hash
    own = load_faces("synthfaces+folder", where, {"": "column", "synthfaces": "tiny"})
    assert own.protocol == "synthfaces:tiny+folder:column"


def test_a_split_of_the_users_own_is_of_one_dataset(roots: dict[str, Path], tmp_path: Path) -> None:
    split = tmp_path / "own+split.csv"
    split.write_text("path,split\n7.png,test\n9.png,train\n", encoding="utf-8")
    faces = load_faces("csv+folder", roots, {"csv": "column", "folder": str(split)})
    assert [split_names(faces)[f"folder/{k}.png"] for k in (7, 8, 9)] == ["test", "none", "train"]
    with pytest.raises(ConfigError, match="does not say which of csv and folder") as error:
        load_faces("csv+folder", roots, str(split))
    assert f"--protocol csv={split}" in error.value.hint


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ("csv+csv", "names csv twice"),
        ("csv+agekit-datasets:csv", "names agekit-datasets:csv twice"),
        ("+csv", "lacks a dataset beside a plus sign"),
        ("csv+", "lacks a dataset beside a plus sign"),
        ("csv++folder", "lacks a dataset beside a plus sign"),
        ("+", "lacks a dataset beside a plus sign"),
        ("csv+foldr", "no dataset named 'foldr'; did you mean 'folder'"),
        ("nope+csv+folder", "no dataset named 'nope'"),
    ],
)
def test_a_name_that_joins_no_two_datasets_is_refused(dataset: str, message: str) -> None:
    with pytest.raises(AgekitError, match=message.replace("+", r"\+")):
        members(dataset)


def test_what_is_given_is_given_for_one_of_them(roots: dict[str, Path], tmp_path: Path) -> None:
    refused = {
        "--root X does not say which of csv and folder lies there": "X",
        "--root two-folder=X: there is no dataset 'two-folder'": {"two-folder": "X"},
        "where is the dataset 'folder'": {"csv": roots["csv"]},
        "folder: no such folder": {**roots, "folder": tmp_path / "no"},
    }
    for message, given in refused.items():
        with pytest.raises(AgekitError, match=message) as error:
            load_faces("csv+folder", given)
        assert "--root folder=DIR" in error.value.hint or "--root for csv" in error.value.hint
    with pytest.raises(ConfigError, match="none of csv and folder has a protocol 'nope'"):
        load_faces("csv+folder", roots, "nope")
    with pytest.raises(ConfigError, match="folder has no protocol 'nope'"):
        load_faces("csv+folder", roots, {"folder": "nope"})
    with pytest.raises(ConfigError, match="neither of synthfaces and utkface has columns"):
        load_faces("synthfaces+utkface", {"utkface": tmp_path}, columns={"age": "years"})


def test_rows_without_ages_are_told_with_the_dataset(
    roots: dict[str, Path], tmp_path: Path
) -> None:
    roots["folder"] = table_of(tmp_path / "none", ["1.png,,train"]).parent
    with pytest.raises(DataError, match="folder: nothing to use in the dataset"):
        load_faces("csv+folder", roots)


def test_one_dataset_takes_its_own_name(roots: dict[str, Path]) -> None:
    plain = load_faces("csv", roots["csv"], "column")
    named = load_faces("csv", {"csv": roots["csv"]}, {"csv": "column"})
    assert (named.split_hash, named.parts) == (plain.split_hash, ())
    with pytest.raises(ConfigError, match="there is no dataset 'folder' in 'csv'"):
        load_faces("csv", roots)
    assert load_faces(SynthFaces(), None, "tiny").dataset == "synthfaces"
    assert for_each("agekit-datasets:csv", {"csv": 1}, "--root") == (
        {"agekit-datasets:csv": 1},
        None,
    )


@pytest.mark.parametrize(
    ("values", "parsed"),
    [
        ((), None),
        (("/x",), "/x"),
        (("a=/x", "b=/y"), {"a": "/x", "b": "/y"}),
        (("official", "a=tiny"), {"": "official", "a": "tiny"}),
        (("/data/split=train",), "/data/split=train"),
        (("./a=b",), "./a=b"),
        (("agekit-datasets:csv=/x",), {"agekit-datasets:csv": "/x"}),
        (("a=/x=y+z",), {"a": "/x=y+z"}),
        (("/folder+plus",), "/folder+plus"),
    ],
)
def test_options_name_a_dataset_or_none(values: tuple[str, ...], parsed: object) -> None:
    assert _parse_by_dataset(None, None, values) == parsed  # type: ignore[arg-type]


def test_a_folder_with_an_equals_sign_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert _parse_by_dataset(None, None, ("a=b",)) == "a=b"  # type: ignore[arg-type]


def test_what_takes_one_dataset_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["data", "info", "csv+folder"])
    assert stopped.value.code == 1
    err = capsys.readouterr().err
    assert "agekit data info takes one dataset, not csv and folder together" in err
    with pytest.raises(ConfigError, match="takes one dataset, not csv and folder together"):
        open_dataset("csv+folder")
