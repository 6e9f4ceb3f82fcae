from __future__ import annotations

import csv
import os
import shutil
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from agekit_datasets.chips.prepare import Workers, prepare
from agekit_datasets.encode import Encoding
from agekit_datasets.own.readers import Csv
from agekit_synthfaces import write_face
from filelock import FileLock
from PIL import Image
from rich.console import Console

from agekit.data.alignment import Alignment
from agekit.data.manifest import TABLE
from agekit.data.prepared import FAILURES_FILE, read_failures, read_prepared
from agekit.data.split import load_faces
from agekit.errors import ConfigError, DataError
from agekit.faces.align import frame, standard


def cut(dataset, root, out, *, size=224, margin=0.25, detector="marked", workers=1, **files):
    """Prepares on the CPU, in one process if not told otherwise."""
    return prepare(
        dataset,
        root,
        out,
        face=None if detector is None else standard(margin, detector),
        encoding=Encoding(size, **{"format": "jpeg", "quality": 95} | files),
        workers=Workers(workers, "cpu"),
    )


def run(root, out, **changed):
    return cut("csv", root, out, **{"size": 64} | changed)


def counts(done):
    return done.n, done.done, done.skipped, done.failed


@pytest.mark.slow
def test_photos_become_chips(marked, photos, tmp_path, capfd):
    out = tmp_path / "out"
    done = run(photos, out, format="png", quality=None)
    assert counts(done) == (8, 6, 0, 2)
    assert (done.dataset, done.out, done.size, done.margin) == ("csv", out, 64, 0.25)
    chips = sorted(str(p.relative_to(out)) for p in out.rglob("*.png"))
    assert chips == [f"{'b' if k % 2 else 'a'}/p{k}.png" for k in (0, 2, 4, 6, 1, 7)]
    photo = np.asarray(Image.open(photos.parent / "a/p4.png"))
    expected = Image.fromarray(photo[30:126, 56:152]).resize((64, 64), Image.Resampling.BICUBIC)
    chip = np.asarray(Image.open(out / "a/p4.png"))
    assert np.abs(chip.astype(float) - np.asarray(expected)).mean() < 1.5
    assert capfd.readouterr().out == ""


class Pointed(Csv):
    """The photos, with the points of a face in each; of as many as wished they are not known."""

    def __init__(self, unknown=0):
        self.unknown = unknown

    def read_named(self, root, columns):
        table = super().read_named(root, columns)
        points = np.tile(np.float32(frame(0.25) * 80 + [10, 40]), (len(table), 1, 1))
        points[: self.unknown] = np.nan
        return replace(table, points=points)


@pytest.mark.slow
@pytest.mark.parametrize("unknown", [0, 1])
def test_a_dataset_that_says_the_points_is_cut_by_them(
    unknown, marked, photos, tmp_path, monkeypatch
):
    told = StringIO()
    if not unknown:
        monkeypatch.setenv("MARKED_FAILS", "1")
    options = {"face": standard(0.25, marked), "workers": Workers(1, "cpu")}
    options |= {"encoding": Encoding(64, "png", None), "console": Console(file=told, width=200)}
    out = tmp_path / "out"
    done = prepare(Pointed(unknown), photos, out, **options)
    assert counts(done) == (8, 7, 0, 1), "the photo without a face that is found has one now"
    assert "faces are cut out by the points that csv says of each" in told.getvalue()
    assert ("marked looks at 1 photo without" in told.getvalue()) == bool(unknown)
    for k, (x, y, side) in ((0, (20, 30, 96) if unknown else (10, 40, 80)), (2, (10, 40, 80))):
        photo = np.asarray(Image.open(photos.parent / f"a/p{k}.png"))[y : y + side, x : x + side]
        wanted = np.asarray(Image.fromarray(photo).resize((64, 64), Image.Resampling.BICUBIC))
        chip = np.asarray(Image.open(out / f"a/p{k}.png"))
        assert np.abs(chip.astype(float) - wanted).mean() < 3, k
    with pytest.raises(DataError, match="by points then, detector now"):
        prepare(Pointed(unknown), photos, out, **options, detect=True)


@pytest.mark.slow
def test_the_table_keeps_every_column_and_the_pictures_keys(ready, photos):
    table = read_prepared(ready)
    manifest = table.manifest
    original = Csv().read(photos)
    keep = np.array([0, 1, 2, 4, 6, 7])
    assert [table.images.name(i) for i in range(6)] == [
        original.images.name(int(k)).replace(".png", ".jpg") for k in keep
    ]
    for column in ("age", "identity", "gender", "group", "split"):
        assert np.array_equal(getattr(table, column), getattr(original, column)[keep]), column
    assert np.isnan(table.sigma).all()
    assert table.group_names == original.group_names == ("short, small", "tall")
    assert np.array_equal(table.content_keys(), original.images.digests()[keep])
    assert not (table.content_keys() == table.images.digests()).all(axis=1).any()
    assert (manifest.dataset, manifest.size, manifest.rows) == ("csv", 64, 6)
    assert manifest.face.align == "five-points"
    assert (manifest.face.detector, manifest.face.margin) == ("marked", 0.25)
    assert np.array(manifest.face.points) == pytest.approx(frame(0.25))


@pytest.mark.slow
def test_protocols_split_the_chips_as_the_photos(ready, photos):
    protocol = "seeded-80-10-10"
    chips, pictures = load_faces("csv", ready, protocol), load_faces("csv", photos, protocol)
    assert np.array_equal(chips.codes, pictures.codes[[0, 1, 2, 4, 6, 7]])
    assert chips.face.detector == "marked"


def test_failures_are_listed_and_told(ready):
    failures = read_failures(ready)
    assert [(f.name, f.kind) for f in failures] == [("b/p3.png", "face"), ("b/p5.png", "image")]
    assert failures[0].detail == "no face found"
    assert failures[1].detail.startswith("truncated or corrupt image")
    assert [(p.kind, p.name) for p in read_prepared(ready).problems] == [
        (f.kind, f.name) for f in failures
    ]


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing(ready, photos, tmp_path, contents):
    assert counts(run(photos, tmp_path / "three", workers=3)) == (8, 6, 0, 2)
    assert contents(tmp_path / "three") == contents(ready)


def test_a_second_run_does_nothing_again(ready, photos, contents):
    before = {p: p.stat().st_mtime_ns for p in ready.rglob("*.jpg")}
    all_of_it = contents(ready)
    assert counts(run(photos, ready)) == (8, 0, 6, 2)
    assert {p: p.stat().st_mtime_ns for p in ready.rglob("*.jpg")} == before
    assert contents(ready) == all_of_it


@pytest.mark.slow
def test_half_done_work_is_gone_on_with(ready, photos, contents):
    """As it is after a kill: chips are missing, one half written, a line torn, no table yet."""
    all_of_it = contents(ready)
    for name in ("a/p2.jpg", "b/p7.jpg", TABLE, "faces.json"):
        (ready / name).unlink()
    (ready / "b/.p7.jpg.123").write_bytes(b"half")
    lines = (ready / FAILURES_FILE).read_bytes().splitlines(keepends=True)
    (ready / FAILURES_FILE).write_bytes(lines[0] + lines[2] + lines[1][:9])
    with pytest.raises(DataError, match="not all cut yet") as caught:
        load_faces("csv", ready)
    assert "again" in caught.value.hint
    assert counts(run(photos, ready)) == (8, 2, 4, 2)
    assert contents(ready) == all_of_it


def test_changed_labels_are_taken_over(ready, photos):
    photos.write_text(photos.read_text().replace("a/p0.png,20", "a/p0.png,33"))
    assert counts(run(photos, ready)) == (8, 0, 6, 2)
    assert read_prepared(ready).age[0] == 33


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"size": 80}, "size 64 then, 80 now"),
        ({"margin": 0.5}, "margin 0.25 then, 0.5 now"),
        ({"format": "webp", "quality": 80}, "format jpeg then, webp now; quality 95 then, 80 now"),
        ({"detector": None}, "detector marked then, None now"),
    ],
)
def test_other_options_are_refused(ready, photos, changed, told, contents):
    before = contents(ready)
    with pytest.raises(DataError, match=told) as caught:
        run(photos, ready, **changed)
    assert "begun differently" in caught.value.message
    assert contents(ready) == before


def test_other_pictures_are_refused(ready, photos, write_photo, tmp_path):
    with pytest.raises(DataError, match="dataset csv then, folder now"):
        write_face(tmp_path / "faces" / "20" / "a.png")
        cut("folder", tmp_path / "faces", ready, size=64)
    write_photo(photos.parent / "a/p0.png", [(0, 1, 64, 90)], 7)
    with pytest.raises(DataError, match="pictures were changed"):
        run(photos, ready)
    photos.write_text(photos.read_text().replace("a/p0.png", "a/p1.png"))
    with pytest.raises(DataError, match="pictures 8 then, 7 now; its pictures have other names"):
        run(photos, ready)


@pytest.mark.slow
def test_a_picture_that_could_not_be_read_is_tried_again(marked, photos, tmp_path):
    out, path = tmp_path / "out", photos.parent / "a/p2.png"
    (tmp_path / "p2.png").write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(photos.parent / "not-there.png")
    assert counts(run(photos, out)) == (8, 5, 0, 3)
    assert read_failures(out)[0].kind == "unreadable"
    path.unlink()
    shutil.copy(tmp_path / "p2.png", path)
    assert counts(run(photos, out)) == (8, 1, 5, 2)
    assert len(read_prepared(out)) == 6


@pytest.mark.slow
def test_links_out_of_the_dataset_are_not_followed(marked, photos, tmp_path):
    path = photos.parent / "a/p2.png"
    path.rename(tmp_path / "secret.png")
    path.symlink_to(tmp_path / "secret.png")
    out = tmp_path / "out"
    assert counts(run(photos, out)) == (8, 5, 0, 3)
    assert "leads out of the dataset's folder" in read_failures(out)[0].detail


def test_the_folder_must_be_its_own(marked, photos, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="it holds thesis"):
        run(photos, full)
    with pytest.raises(DataError, match="lies in the dataset's own folder"):
        cut("folder", photos.parent, photos.parent / "sub" / "out")
    assert [path.name for path in full.iterdir()] == ["thesis.txt"]
    assert not (photos.parent / "sub").exists()


def test_one_at_a_time(marked, photos, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with FileLock(out / ".prepare.lock"), pytest.raises(DataError, match="another"):
        run(photos, out)


@pytest.mark.slow
def test_a_run_that_never_began_binds_to_nothing(marked, photos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    monkeypatch.setenv("MARKED_FAILS", "1")
    with pytest.raises(DataError, match=r"'marked' failed on a/p0.png: RuntimeError: out of") as e:
        run(photos, out)
    assert "\n" not in e.value.message
    monkeypatch.delenv("MARKED_FAILS")
    assert counts(run(photos, out, size=32)) == (8, 6, 0, 2)


@pytest.mark.slow
def test_nothing_found_is_told(marked, write_photo, tmp_path):
    write_photo(tmp_path / "faces/30/a.png", [])
    out = tmp_path / "out"
    with pytest.raises(DataError, match="no chip could be made of any of 1 picture") as caught:
        cut("folder", tmp_path / "faces", out)
    assert "30/a.png: no face found" in caught.value.hint
    assert not (out / TABLE).exists()


@pytest.mark.slow
def test_chips_are_only_scaled_without_a_detector(tmp_path):
    for k in range(3):
        write_face(tmp_path / "faces" / str(20 + k) / "a.png", 20 + k, k, 96)
    out = tmp_path / "out"
    drawn = tmp_path / "faces"
    done = cut("folder", drawn, out, size=32, detector=None, format="png", quality=None)
    assert counts(done) == (3, 3, 0, 0)
    table = read_prepared(out)
    manifest = table.manifest
    assert (manifest.face, manifest.size, done.margin) == (Alignment(), 32, 0.0)
    assert table.age.tolist() == [20, 21, 22]
    original = load_faces("folder", tmp_path / "faces").table
    assert np.array_equal(np.asarray(Image.open(out / "21/a.png")), original.images.decode(1, 32))
    again = cut("folder", out, tmp_path / "again", size=16, detector=None)
    assert counts(again) == (3, 3, 0, 0)
    assert np.array_equal(read_prepared(tmp_path / "again").content_keys(), table.content_keys())


def test_drawn_pictures_are_in_no_files(marked, tmp_path):
    with pytest.raises(ConfigError, match="not in files"):
        cut("synthfaces", None, tmp_path / "out")


@pytest.mark.slow
def test_odd_names_stay_apart(marked, write_photo, tmp_path):
    root = tmp_path / "photos"
    names = ["ä b.png", "ä b.bmp", os.fsdecode(b"caf\xe9.png"), "c;d,e.png"]
    for k, name in enumerate(names):
        write_photo(root / "30" / name, [(10, 20, 64, 90)], k)
    out = tmp_path / "out"
    assert counts(cut("folder", root, out)) == (4, 4, 0, 0)
    with open(out / TABLE, encoding="utf-8", newline="") as file:
        paths = {row["path"] for row in csv.DictReader(file)}
    assert paths == {"30/png/ä b.jpg", "30/bmp/ä b.jpg", "30/café.jpg", "30/c;d,e.jpg"}
    assert len(read_prepared(out)) == 4


def test_chips_need_a_size(marked, photos, tmp_path):
    with pytest.raises(ConfigError, match="one size"):
        run(photos, tmp_path / "out", size=None)
