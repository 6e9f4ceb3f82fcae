from __future__ import annotations

import json

import pytest
from agekit_testkit.models import write_untrained
from PIL import Image

from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.faces.align import frame, standard


@pytest.fixture
def agekit(capfd):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(["data", "prepare", *map(str, arguments)])
        return done.value.code, *capfd.readouterr()

    return run


@pytest.mark.slow
def test_faces_are_cut_like_those_of_a_model(marked, photos, agekit, tmp_path):
    """Those of its detector, in its frame and size; gone on with, and told from another."""
    points = tuple((float(x) + 0.01, float(y)) for x, y in frame(-0.1))
    known = Alignment(align="five-points", detector=marked, margin=-0.1, points=points)
    model, other = tmp_path / "model", tmp_path / "other"
    for folder, face in ((model, known), (other, standard(-0.1, marked))):
        write_untrained(folder, face=face)
    out = tmp_path / "out"
    arguments = ("csv", "--root", photos, "--out", out, "--workers", 1, "--device", "cpu")
    code, _, told = agekit(*arguments, "--like", model)
    assert code == 0, told
    manifest = json.loads((out / "faces.json").read_text())
    assert manifest["face"] == known.model_dump(mode="json")
    assert manifest["size"] == 32
    with Image.open(next(out.rglob("*.jpg"))) as chip:
        assert chip.size == (32, 32)
    assert agekit(*arguments, "--like", model)[0] == 0
    code, _, told = agekit(*arguments, "--like", other)
    assert (code, "was begun differently: points" in told) == (1, True)

    write_untrained(tmp_path / "silent")
    code, _, told = agekit(*arguments[:-2], "--like", tmp_path / "silent")
    assert code == 1
    assert "does not say where the eyes, nose and mouth lie" in told
    for more in (("--size", 64), ("--margin", 0.1), ("--detector", "mtcnn"), ("--no-detect",)):
        assert agekit(*arguments, "--like", model, *more)[0] == 2, more
    assert agekit(*arguments, "--like", tmp_path / "away")[0] == 1
