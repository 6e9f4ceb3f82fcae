"""Faces are shown to a model as it was trained to see them, or a line says that they are not."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from agekit_datasets.own.readers import Csv
from agekit_synthfaces import draw, person, write_face
from agekit_synthfaces.dataset import SynthFaces
from agekit_testkit.models import write_untrained
from PIL import Image

from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.data.manifest import Manifest
from agekit.data.prepared import write_table
from agekit.data.split import Faces, load_faces
from agekit.errors import UnknownNameError
from agekit.faces.align import known_points, standard
from agekit.faces.framing import Reframed
from agekit.training.framing import Framing, find_framing
from agekit.zoo.folder import read_config

CPU = torch.device("cpu")
N = 12
CENTRES = '''
import numpy as np
from agekit.faces.align import frame
from agekit.faces.base import Detection, Detector

class Centres(Detector):
    """Finds in every image a face as in a chip with a margin of 0.5, padding taken away."""

    def detect(self, images, *, min_face=None):
        print("looking")
        return [[self.face(len(image))] for image in images]

    def face(self, padded):
        side = padded / 1.6
        points = (frame(0.5) * side + (padded - side) / 2).astype(np.float32)
        return Detection(np.array([0, 0, 1, 1], np.float32), 1.0, points)
'''


def at(margin: float, detector: str = "mtcnn") -> Alignment:
    return standard(margin, detector)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A csv of drawn faces."""
    return write_photos(tmp_path / "photos")


def write_photos(root: Path, width: int = 96, height: int = 96) -> Path:
    rows = []
    for k in range(N):
        path = write_face(root / f"{k}.png", 20 + 2 * k, k, min(width, height))
        face = Image.open(path).copy()
        canvas = Image.new("RGB", (width, height), "grey")
        canvas.paste(face, ((width - face.width) // 2, (height - face.height) // 2))
        canvas.save(path)
        rows.append((path.name, 20 + 2 * k, ("train", "test")[k % 2]))
    with open(root / "labels.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "age", "split"), *rows])
    return root / "labels.csv"


def prepared(photos: Path, out: Path, face: Alignment) -> Path:
    """The photos as they are, as a folder of chips that says where the faces lie."""
    shutil.copytree(photos.parent, out)
    table = Csv().read(photos)
    manifest = Manifest(dataset="csv", face=face, size=96, rows=N, made_by="a test")
    write_table(out, replace(table, origin=table.content_keys()), names(table), manifest)
    return out


def names(table) -> list[str]:
    return [table.images.name(i) for i in range(len(table))]


def write_model(folder: Path, face: Alignment) -> Path:
    torch.manual_seed(0)
    return write_untrained(folder, "ldl-resnet10-tiny", (10, 60), face=face)


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]
Evaluated = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process."""

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as done:
            main([*map(str, arguments)])
        code = done.value.code
        assert isinstance(code, int)
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def evaluated(run: Run) -> Evaluated:
    """What ``agekit evaluate`` answers, and what it says beside it."""

    def call(*arguments: object) -> tuple[dict[str, Any], str]:
        done = run("evaluate", *arguments, "--device", "cpu", "--json")
        assert done.code == 0, done.err
        return json.loads(done.out), done.err

    return call


def test_chips_of_another_frame_are_reframed_to_the_models(
    evaluated, tmp_path: Path, photos: Path
) -> None:
    chips = prepared(photos, tmp_path / "chips", at(0.5))
    model = write_model(tmp_path / "model", at(0.1))
    answer, told = evaluated(model, "csv", "--root", chips)
    assert "faces reframed: the eyes lie at" in told
    assert f"in the faces of {model}; scale 1.67" in told
    assert answer["alignment"]["data"]["margin"] == 0.5
    assert answer["alignment"]["shown"]["margin"] == 0.1

    faces = load_faces("csv", chips)
    shown = Framing(data=at(0.5), shown=at(0.1)).apply(faces)
    assert shown.split_hash == faces.split_hash == answer["split_hash"]
    tight = tmp_path / "tight"
    shutil.copytree(photos.parent, tight)
    for i in range(N):
        Image.fromarray(shown.table.images.decode(i, 32)).save(tight / faces.table.images.name(i))
    by_hand = prepared(tight / "labels.csv", tmp_path / "cut", at(0.1))
    same, quiet = evaluated(model, "csv", "--root", by_hand)
    assert "reframed" not in quiet
    assert answer["metrics"]["mae"] == pytest.approx(same["metrics"]["mae"], abs=1e-4)


@pytest.mark.slow
def test_packs_say_where_the_faces_lie(
    run: Run, evaluated: Evaluated, tmp_path: Path, photos: Path
) -> None:
    chips = prepared(photos, tmp_path / "chips", at(0.5))
    model = write_model(tmp_path / "model", at(0.1))
    packed = run("data", "pack", "csv", "--root", chips, "--out", "faces.parquet")
    assert packed.code == 0, packed.err
    by_name, _ = evaluated(model, "csv", "--root", "faces.parquet")
    as_shards, told = evaluated(model, "parquet", "--root", "faces.parquet")
    whole, _ = evaluated(model, "csv", "--root", chips)
    assert "faces reframed" in told
    assert by_name["metrics"] == as_shards["metrics"] == whole["metrics"]


def test_frames_that_hardly_differ_are_one(tmp_path: Path, photos: Path) -> None:
    faces = load_faces("csv", prepared(photos, tmp_path / "chips", at(0.1)))
    same = find_framing(faces, CPU, wanted=at(0.102), model="m")
    assert (same.notes, same.apply(faces).table.images) == ((), faces.table.images)
    other = find_framing(faces, CPU, wanted=at(0.14), model="m")
    assert isinstance(other.apply(faces).table.images, Reframed)


def test_it_is_said_how_much_of_a_chip_is_mirrored(tmp_path: Path, photos: Path) -> None:
    faces = load_faces("csv", prepared(photos, tmp_path / "chips", at(-0.1)))
    [note] = find_framing(faces, CPU, wanted=at(0.25), model="m").notes
    assert "72% of each lies beyond the image and is mirrored" in note


@pytest.fixture
def centres(write_plugin: Callable[..., Path]) -> str:
    points = {"detector": {"centres": "centres:Centres"}}
    write_plugin("centres", points, {"centres.py": CENTRES})
    return "centres"


def test_an_unknown_frame_is_measured_by_the_models_detector_once(
    centres: str, tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faces = load_faces("csv", photos)
    for looked in ("looking\n", ""):
        found = find_framing(faces, CPU, wanted=at(0.1, centres), model="m")
        assert capsys.readouterr().out == looked
        assert "was measured by centres on 12 of them: eyes at" in found.notes[0]
        assert "faces reframed" in found.notes[1]
    assert (found.data.margin, found.shown.margin) == (pytest.approx(0.5, abs=0.01), 0.1)
    assert find_framing(faces, CPU, wanted=at(0.5, centres), model="m").data == found.data


def test_what_cannot_be_known_is_said(photos: Path) -> None:
    faces = load_faces("csv", photos)
    away = find_framing(faces, CPU, wanted=at(0.1, "away"), model="m")
    assert "is not known: no detector named 'away'" in away.notes[0]
    assert (
        "agekit data prepare csv --root"
        in find_framing(faces, CPU, wanted=at(0.1, "away"), model="m", root=photos).notes[1]
    )
    assert away.apply(faces).table.images is faces.table.images
    with pytest.raises(UnknownNameError, match="away"):
        find_framing(faces, CPU, detector="away")
    known = replace(faces, face=at(0.3))
    [unused] = find_framing(known, CPU, detector="mtcnn").notes
    assert "mtcnn is not used: csv says where its faces lie" in unused
    unsaid = find_framing(known, CPU, wanted=Alignment(), model="m")
    assert unsaid.notes[0].startswith("m does not say where the eyes, nose and mouth lie")
    assert unsaid.shown == at(0.3)


@pytest.fixture
def whole(write_plugin: Callable[..., Path]) -> str:
    """A dataset of whole photos."""
    text = (
        "from agekit.data.alignment import WHOLE\n"
        "from agekit_datasets.own.readers import Csv\n"
        "class Photos(Csv):\n    name = 'photos'\n    alignment = WHOLE\n"
    )
    write_plugin("photos", {"dataset": {"photos": "photo_set:Photos"}}, {"photo_set.py": text})
    return "photos"


def test_whole_photos_are_no_chips(
    run, evaluated, whole: str, tmp_path: Path, photos: Path
) -> None:
    model = write_model(tmp_path / "model", at(0.1, "away"))
    where = ("photos", "--root", photos)
    line = f"agekit data prepare photos --root {photos}"
    for command, prepare in (
        (("evaluate", model, *where), f"{line} --like {model} --out CHIPS"),
        (("train", "ldl-resnet10-tiny", *where, "--out", "run"), f"{line} --out CHIPS"),
    ):
        done = run(*command)
        assert done.code == 1, done.err
        assert "photos is a dataset of whole photos" in done.err
        assert prepare in done.err
        assert "--as-chips" in done.err
    assert not (tmp_path / "run").exists()
    packed = run("data", "pack", "photos", "--root", photos, "--out", "p.parquet")
    assert packed.code == 0, packed.err
    assert run("evaluate", model, "parquet", "--root", "p.parquet").code == 1
    answer, told = evaluated(model, *where, "--as-chips")
    assert answer["n"] == N // 2
    assert "they are used as they are" in told


@pytest.mark.slow
def test_a_model_that_goes_on_from_another_sees_what_that_saw(
    run, tmp_path: Path, photos: Path
) -> None:
    chips = prepared(photos, tmp_path / "chips", at(0.5))
    model = write_model(tmp_path / "model", at(0.1))
    options = ("--set", "data.size=32", "--epochs", 1, "--device", "cpu", "--out", "run")
    done = run("train", "ldl-resnet10-tiny", "csv", "--root", chips, "--init", model, *options)
    assert done.code == 0, done.err
    assert "faces reframed" in done.out + done.err
    assert read_config(tmp_path / "run/model").face == at(0.1)
    framing = json.loads((tmp_path / "run/run.json").read_text())["framing"]
    assert (framing["data"]["margin"], framing["shown"]["margin"]) == (0.5, 0.1)
    assert "faces reframed" in (tmp_path / "run/log.txt").read_text()
    resumed = run("train", "--resume", "run", "--device", "cpu")
    assert resumed.code == 0, resumed.err
    assert "faces reframed" in resumed.out + resumed.err
    again = run("evaluate", "run", "csv", "--root", chips, "--json")
    trained = json.loads((tmp_path / "run/model/metrics.json").read_text())["test"]
    assert json.loads(again.out)["metrics"]["mae"] == pytest.approx(trained["mae"], abs=1e-3)


@pytest.mark.slow
def test_a_new_model_says_what_was_measured_by_the_detector_asked_for(
    run: Run, centres: str, tmp_path: Path, photos: Path
) -> None:
    options = ("--set", "data.size=32", "--epochs", 1, "--device", "cpu", "--out", "run")
    command = ("train", "ldl-resnet10-tiny", "csv", "--root", photos, *options)
    wrong = run(*command, "--detector", "centre")
    assert (wrong.code, "did you mean 'centres'" in wrong.err) == (1, True)
    done = run(*command, "--detector", centres)
    assert done.code == 0, done.err
    assert "was measured by centres on 12 of them" in done.out + done.err
    face = read_config(tmp_path / "run/model").face
    assert (face.align, face.detector) == ("five-points", "centres")
    assert face.margin == pytest.approx(0.5, abs=0.01)


def test_synthfaces_lie_where_it_says() -> None:
    faces: Faces = load_faces("synthfaces", protocol="tiny")
    points = known_points(SynthFaces.alignment)
    assert points is not None
    drawn = draw(person(0, 0), 40, 256)
    x, y = (points[:2].mean(0) * 256).astype(int)
    assert drawn[y, x].mean() > 60, "between the eyes there is skin"
    assert faces.face == SynthFaces.alignment
    assert np.allclose(points[0, 1], points[1, 1])


def test_as_chips_where_it_changes_nothing_is_told() -> None:
    faces = load_faces(SynthFaces(), protocol="tiny")
    (note,) = find_framing(faces, CPU, as_chips=True).notes
    assert note == "synthfaces is not a dataset of whole photos: --as-chips changes nothing"
    assert find_framing(faces, CPU).notes == ()
