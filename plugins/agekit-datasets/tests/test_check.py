from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from agekit_datasets.check.issues import Issue
from agekit_datasets.check.report import DatasetReport, check_faces
from agekit_synthfaces import SynthFaces, write_face
from agekit_testkit.models import write_untrained
from PIL import Image

from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.data.files import Files
from agekit.data.split import Faces, load_faces
from agekit.data.table import FaceTable, Problem

WriteImage = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path, write_image: WriteImage) -> Path:
    for i in range(12):
        write_image(tmp_path / "set" / f"{i}.png", seed=i)
    return tmp_path / "set"


def faces(
    root: Path,
    names: Sequence[int | str],
    codes: Sequence[int],
    *,
    age: Sequence[float] | None = None,
    identity: Sequence[int] | None = None,
    exclusive: bool = False,
    origin: Sequence[int] | None = None,
    problems: Sequence[Problem] = (),
) -> Faces:
    """Rows of the images `names`, split as `codes` say."""
    table = FaceTable.build(
        Files(root, [f"{name}.png" if isinstance(name, int) else name for name in names]),
        range(20, 20 + len(names)) if age is None else age,
        identity=identity,
        problems=problems,
        origin=None if origin is None else np.array([[k] * 16 for k in origin], np.uint8),
    )
    return Faces(table, np.array(codes, np.int8), "x", "x:y", subject_exclusive=exclusive)


def finding(report: DatasetReport, kind: str) -> Issue:
    (found,) = [f for f in report.problems if f.kind == kind]
    return found


def test_counts_of_a_sound_dataset(root: Path) -> None:
    (root / "ages.csv").write_text(
        "path,age,id,gender,group,split\n"
        "0.png,20,a,m,north,train\n1.png,30.5,a,f,north,train\n2.png,35,b,f,,train\n"
        "3.png,70,c,,south,val\n4.png,9.9,d,f,south,test\n5.png,40,e,m,south,\n"
    )
    told: list[int] = []
    report = check_faces(
        load_faces("csv", root),
        official={"images": 7, "people": 5, "albums": 3},
        progress=lambda: told.append(1),
    )
    assert (report.dataset, report.protocol, report.n) == ("csv", "csv:auto", 6)
    assert report.split_hash == load_faces("csv", root).split_hash
    assert report.people == 5
    assert report.splits["train"] == {"n": 3, "people": 2, "min": 20, "median": 30.5, "max": 35}
    assert [part["n"] for part in report.splits.values()] == [3, 1, 1, 1]
    assert report.ages["min"] == pytest.approx(9.9)
    assert report.ages["median"] == 32.75
    assert [(h["ages"], h["n"]) for h in report.ages["histogram"]] == [
        ("0-9", 1),
        ("10-19", 0),
        ("20-29", 1),
        ("30-39", 2),
        ("40-49", 1),
        ("50-59", 0),
        ("60-69", 0),
        ("70-79", 1),
    ]
    assert report.genders == {"male": 2, "female": 3, "unknown": 1}
    assert report.groups == {"north": 2, "south": 3, "unknown": 1}
    assert report.official == {
        "images": {"official": 7, "found": 6},
        "people": {"official": 5, "found": 5},
    }
    assert (report.ok, report.decoded) == (True, True)
    (note,) = report.problems
    assert note.what.endswith("set: 6 images are in no row, such as 10.png")
    assert len(told) == 6


def test_images_that_do_not_decode_are_named_and_may_empty_a_split(root: Path) -> None:
    (root / "2.png").write_bytes((root / "2.png").read_bytes()[:60])
    (root / "3.png").write_bytes(b"")
    shutil.copy(root / "3.png", root / "4.png")
    data = faces(root, range(6), [0, 0, 0, 1, 1, 2])
    report = check_faces(data)
    bad = finding(report, "unreadable")
    assert (bad.count, bad.severity) == (3, "warning")
    assert [text.partition(":")[0] for text in bad.examples] == ["2.png", "3.png", "4.png"]
    assert "truncated or corrupt" in bad.examples[0]
    assert bad.examples[1] == "3.png: the file is empty"
    empty = finding(report, "empty")
    assert (empty.severity, empty.what) == ("error", "no image of the val split can be decoded")
    assert not report.ok
    unseen = check_faces(data, decode=False)
    assert unseen.ok
    assert not unseen.decoded


def test_files_that_vanish_while_they_are_read_are_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = faces(root, range(3), [0, 0, 2])
    data.table.images.digests()
    (root / "1.png").unlink()
    assert finding(check_faces(data), "unreadable").examples == (
        "1.png: cannot be read: No such file or directory",
    )


def test_what_the_reader_told_is_counted_by_kind(root: Path) -> None:
    problems = [Problem("missing", f"gone{i}.png", "no such file") for i in range(7)]
    problems += [Problem("name", "x.png", "odd"), Problem("weather", "y.png", "rain")]
    report = check_faces(faces(root, range(3), [0, 0, 2], problems=problems))
    missing = finding(report, "missing")
    assert (missing.count, len(missing.examples)) == (7, 5)
    assert missing.examples[0] == "gone0.png: no such file"
    assert finding(report, "name").examples == ("x.png: odd",)
    assert finding(report, "weather").count == 1
    assert report.ok


def test_rows_without_a_usable_age_are_found(root: Path) -> None:
    report = check_faces(faces(root, range(5), [0, 0, 2], age=[20, 30, 40, 121, np.nan]))
    assert finding(report, "age").examples == (
        "3.png: age 121 is not from 0 to 120",
        "4.png: no age",
    )


def test_identical_images_by_label(root: Path) -> None:
    for copy in ("6.png", "7.png"):
        shutil.copy(root / "0.png", root / copy)
    shutil.copy(root / "1.png", root / "8.png")
    report = check_faces(faces(root, [0, 1, 2, 6, 7, 8], [0] * 6, age=[20, 30, 40, 20, 25, 30]))
    conflict = finding(report, "conflict")
    assert (conflict.count, conflict.severity) == (1, "warning")
    assert conflict.examples == ("0.png (age 20), 6.png (age 20), 7.png (age 25)",)
    assert "3 rows" in conflict.what
    assert finding(report, "identical").examples == ("1.png (age 30), 8.png (age 30)",)


@pytest.mark.parametrize(
    ("code", "severity"), [(0, None), (1, "warning"), (2, "error"), (-1, None)]
)
def test_identical_images_in_two_splits(root: Path, code: int, severity: str | None) -> None:
    shutil.copy(root / "0.png", root / "6.png")
    report = check_faces(faces(root, [0, 1, 2, 6], [0, 0, 2, code]))
    straddling = [f for f in report.problems if f.kind == "straddle"]
    assert [f.severity for f in straddling] == ([severity] if severity else [])
    assert report.ok is (severity != "error")
    if severity == "error":
        assert straddling[0].examples == ("0.png (train), 6.png (test)",)


def test_chips_of_one_picture_in_two_splits(root: Path) -> None:
    report = check_faces(faces(root, range(4), [0, 0, 2, 2], origin=[1, 2, 1, 3]))
    assert finding(report, "straddle").examples == ("0.png (train), 2.png (test)",)
    assert not any(f.kind in ("identical", "conflict") for f in report.problems)


@pytest.mark.parametrize("exclusive", [True, False])
def test_people_in_two_splits(root: Path, exclusive: bool) -> None:
    people = [1, 1, 1, 2, 2, 3, -1, -1]
    report = check_faces(
        faces(root, range(8), [0, 0, 2, 2, -1, 1, 0, 2], identity=people, exclusive=exclusive)
    )
    subject = finding(report, "subject")
    assert (subject.count, subject.examples) == (1, ("0.png (train), 2.png (test)",))
    assert subject.severity == ("error" if exclusive else "warning")
    assert report.ok is not exclusive


@pytest.mark.parametrize(
    ("codes", "severity", "what"),
    [
        ([-1, -1, -1], "error", "no rows to train on"),
        ([1, 1, 2], "error", "no rows to train on"),
        ([2, 2, 2], "warning", "no rows to train on: this protocol only tests"),
        ([0, 0, 1], "warning", "no rows to test on"),
    ],
)
def test_empty_splits(root: Path, codes: list[int], severity: str, what: str) -> None:
    empty = finding(check_faces(faces(root, range(3), codes)), "empty")
    assert (empty.severity, empty.what) == (severity, what)


def test_training_faces_of_one_age(root: Path) -> None:
    report = check_faces(faces(root, range(3), [0, 0, 2], age=[30, 30.2, 50]))
    assert finding(report, "one-age").what == "all training faces are 30 years old"
    assert not report.ok


def test_errors_come_first(root: Path) -> None:
    shutil.copy(root / "0.png", root / "6.png")
    report = check_faces(faces(root, [0, 6, 1], [0, 2, 0], age=[20, 21, 22]))
    assert [f.severity for f in report.problems] == ["error", "warning"]
    assert [p["kind"] for p in report.to_json()["problems"]] == ["straddle", "conflict"]
    assert report.to_json()["ok"] is False


def test_near_duplicates_are_told_those_that_leak_first(root: Path) -> None:
    for name, copy in ((1, "one"), (2, "two")):
        with Image.open(root / f"{name}.png") as image:
            image.resize((image.width * 2, image.height * 2)).save(root / f"{copy}.png")
    report = check_faces(faces(root, [0, 1, "one.png", 2, "two.png"], [0, 0, 0, 0, 2]))
    found = finding(report, "near-duplicate")
    assert (found.severity, found.count) == ("warning", 2)
    assert "1 of them in more than one split" in found.what and "1.0 years" in found.what
    assert found.examples == (
        "2.png (age 23, train), two.png (age 24, test)",
        "1.png (age 21, train), one.png (age 22, train)",
    )


def test_the_labels_that_a_model_doubts_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{k}.png,{20 + 3 * k},{('train', 'test')[k % 2]}" for k in range(6)]
    for k in range(6):
        write_face(tmp_path / "set" / f"{k}.png", 20 + 3 * k, seed=k, size=64)
    text = "path,age,split\n" + "\n".join(rows) + "\n"
    (tmp_path / "set" / "labels.csv").write_text(text, encoding="utf-8")
    torch.manual_seed(0)
    face = Alignment(align="five-points", points=SynthFaces.alignment.points)
    model = write_untrained(tmp_path / "model", "ldl-resnet10-tiny", (10, 60), face=face)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(["data", "check", "csv", "--root", "set/labels.csv", *arguments])
        return int(stopped.value.code or 0), *capsys.readouterr()

    asked = ("--model", str(model), "--device", "cpu", "--most", "4")
    code, out, err = run(*asked, "--csv", "doubt.csv", "--sheet", "doubt.png", "--json")
    assert code == 0, err
    found = json.loads(out)["unlikely"]
    assert len(found) == 4
    assert [one["likelihood"] for one in found] == sorted(one["likelihood"] for one in found)
    assert all(one["age"] == 20 + 3 * int(one["path"][0]) for one in found)
    lines = (tmp_path / "doubt.csv").read_text("utf-8").splitlines()
    assert lines[0] == "path,split,age,estimate,likelihood"
    assert [line.partition(",")[0] for line in lines[1:]] == [one["path"] for one in found]
    with Image.open(tmp_path / "doubt.png") as sheet:
        assert sheet.size == (8 * 112, 140)
    code, out, err = run("--most", "3", "--sheet", "x.png", "--no-decode")
    assert code == 2
    assert "without --model no face is shown to a model: leave out --most, --sheet" in err
