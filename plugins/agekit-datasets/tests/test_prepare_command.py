from __future__ import annotations

import json

import numpy as np
import pytest
from agekit_synthfaces import draw, person, write_face
from agekit_testkit import train_briefly
from PIL import Image

from agekit.cli import main
from agekit.faces.align import DEFAULT_MARGIN, frame
from agekit.faces.mtcnn.detector import Mtcnn

KEYS = {"dataset", "out", "n", "done", "skipped", "failed", "size", "margin"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "agekit-cache"))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)


@pytest.fixture
def agekit(capfd):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(["data", "prepare", *map(str, arguments)])
        return done.value.code, *capfd.readouterr()

    return run


@pytest.fixture
def chips(tmp_path):
    root = tmp_path / "chips"
    for k in range(12):
        write_face(root / str(20 + k) / f"{k}.png", 20 + k, k, 64)
    return root


@pytest.mark.slow
def test_photos_are_cut_and_trained_on(agekit, tmp_path):
    root, out = tmp_path / "photos", tmp_path / "out"
    for k in range(12):
        photo = Image.new("RGB", (320, 240), (150, 150, 150 + k))
        photo.paste(Image.fromarray(draw(person(0, k), 20 + k, 128)), (100, 60))
        (root / str(20 + k)).mkdir(parents=True)
        photo.rotate(6 * (k % 4), fillcolor="gray").save(root / str(20 + k) / f"{k}.png")
    sideways = Image.open(root / "21/1.png").transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways.save(root / "21" / "sideways.png", exif=exif)
    Image.new("RGB", (320, 240), "teal").save(root / "20" / "sea.png")

    arguments = ("folder", "--root", root, "--out", out, "--size", 96, "--device", "cpu")
    code, answer, told = agekit(*arguments, "--workers", 2, "--format", "png", "--json")
    assert code == 0
    document = json.loads(answer)
    assert document.keys() == KEYS
    assert document == {
        "dataset": "folder",
        "out": str(out),
        "n": 14,
        "done": 13,
        "skipped": 0,
        "failed": 1,
        "size": 96,
        "margin": DEFAULT_MARGIN,
    }
    assert "making the chips of 14 pictures" in told
    assert "13 of 14" not in answer
    upright = np.asarray(Image.open(out / "21/1.png")).astype(float)
    assert np.array_equal(np.asarray(Image.open(out / "21/sideways.png")), upright)
    files = sorted(out.rglob("*.png"))
    faces = Mtcnn().detect([np.asarray(Image.open(path)) for path in files])
    off = [np.abs(found[0].points / 96 - frame(DEFAULT_MARGIN)).mean() for found in faces]
    assert max(off) < 0.04
    result = train_briefly("folder", out)
    assert result["metrics"]

    code, text, _ = agekit(*arguments, "--workers", 2, "--format", "png")
    assert code == 0
    assert text.splitlines()[0] == f"{out}: 13 chips of 14 pictures, 13 were there"
    assert text.splitlines()[1] == f"1 failed; see {out / 'failures.csv'}"
    assert "20/sea.png: no face found" in text


@pytest.mark.slow
def test_chips_are_only_scaled(agekit, chips, tmp_path):
    out = tmp_path / "out"
    arguments = ("folder", "--root", chips, "--out", out, "--no-detect", "--size", 32)
    code, answer, _ = agekit(*arguments, "--workers", 1, "--json")
    assert code == 0
    document = json.loads(answer)
    assert (document["done"], document["failed"], document["margin"]) == (12, 0, 0.0)
    assert np.asarray(Image.open(out / "20" / "0.jpg")).shape == (32, 32, 3)
    manifest = json.loads((out / "faces.json").read_text())
    assert manifest["face"]["align"] == "chips"
    assert (manifest["dataset"], manifest["rows"], manifest["size"]) == ("folder", 12, 32)


@pytest.mark.slow
def test_without_a_detector_torch_is_not_imported(run_agekit, chips, tmp_path):
    (tmp_path / "site" / "torch.py").write_text("raise ImportError('not wanted here')")
    done = run_agekit(
        *("data", "prepare", "folder", "--root", str(chips), "--out", str(tmp_path / "out")),
        *("--no-detect", "--size", "32", "--workers", "1"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'out'}: 12 chips of 12 pictures\n"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("folder", "--root", "."), 2, "Missing option '--out'"),
        (("folder", "--out", "x", "--size", "7"), 2, "7 is not in the range"),
        (("folder", "--out", "x", "--format", "gif"), 2, "'gif' is not one of"),
        (("folder", "--out", "x", "--no-detect", "--margin", "1"), 2, "--no-detect"),
        (("folder", "--out", "x", "--no-detect", "--detector", "mtcnn"), 2, "--no-detect"),
        (("foldr", "--out", "x"), 1, "did you mean 'folder'"),
        (("folder", "--out", "x", "--detector", "mtcn"), 1, "did you mean 'mtcnn'"),
        (("folder", "--out", "x", "--root", "none"), 1, "no such folder: none"),
        (("folder", "--out", "x"), 1, "pass --root DIR"),
    ],
)
def test_wrong_arguments_are_told(agekit, tmp_path, monkeypatch, arguments, code, told):
    monkeypatch.chdir(tmp_path)
    got, out, err = agekit(*arguments)
    assert (got, out) == (code, "")
    assert told in err
    assert not (tmp_path / "x").exists()


def test_chips_do_not_become_part_of_the_dataset(agekit, chips):
    code, _, err = agekit("folder", "--root", chips, "--out", chips / "new", "--no-detect")
    assert code == 1
    assert "error: " in err and "lies in the dataset's own folder" in err
    assert not (chips / "new").exists()
