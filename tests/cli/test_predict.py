from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import agekit as api
from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.inference.face import Face
from agekit.recipe import resolve
from agekit.tasks.estimator.export import model_config
from agekit.zoo.folder import save_model

INTERVAL = "note: the interval in brackets is meant to hold the true age of 90 % of faces\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of an untrained model."""
    recipe = "ldl-resnet10-tiny"
    network = api.build(recipe, ages=(10, 40), size=32)
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "val"}
    chosen = resolve(recipe, overrides=["data.size=32"]).recipe
    config = model_config(chosen, network, {"name": "tiny"}, interval, Alignment())
    folder = tmp_path_factory.mktemp("run") / "model"
    save_model(folder, network, config, {}, "")
    return str(folder)


@pytest.fixture
def images(tmp_path):
    """Two good images and one bad one."""
    paths = [tmp_path / name for name in ("a.png", "bad.png", "b.jpg")]
    for seed, path in enumerate(paths):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(coarse).resize((48, 40)).save(path)
    paths[1].write_bytes(paths[1].read_bytes()[:60])
    return [str(path) for path in paths]


@pytest.fixture
def agekit(capsys):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        return done.value.code, *capsys.readouterr()

    return run


def test_over_an_age(agekit, model, images):
    code, out, err = agekit("predict", images[0], "--model", model, "--over", "18", "--json")
    [face] = json.loads(out)[0]["faces"]
    low, high = face["interval"]
    expected = "yes" if low >= 18 else "no" if high < 18 else "unsure"
    assert (code, face["over"]) == (0, {"years": 18, "answer": expected})
    assert "note: over 18 is yes or no where the whole interval says so" in err
    _, out, _ = agekit("predict", images[0], "--model", model, "--over", "18")
    assert out.rstrip().endswith(f"over 18: {expected}")
    _, out, _ = agekit("predict", images[0], "--model", model, "--over", "18", "--csv", "-")
    assert [line.rpartition(",")[2] for line in out.split()] == ["over", expected]


@pytest.mark.parametrize(
    ("interval", "answer"),
    [((18, 30), True), ((17.9, 30), None), ((5, 18), None), ((5, 17.9), False)],
)
def test_an_interval_says_yes_no_or_nothing(interval, answer):
    assert Face(20.0, interval).is_over(18) is answer


@pytest.mark.parametrize("years", ["10", "41", "1"])
def test_over_an_age_that_the_model_does_not_know(agekit, model, images, years):
    code, out, err = agekit("predict", images[0], "--model", model, "--over", years)
    assert (code, out) == (1, "")
    assert f"cannot tell who is over {years}: it knows the ages from 10 to 40 alone" in err


@pytest.mark.parametrize("years", ["0", "-3", "nan", "17.5"])
def test_over_what_is_no_age(agekit, model, images, years):
    assert agekit("predict", images[0], "--model", model, "--over", years)[0] == 2


def test_help_waits_for_nothing_heavy():
    program = """
import sys
from agekit.cli import main
try:
    main(["predict", "--help"])
finally:
    heavy = {"cv2", "huggingface_hub", "numpy", "onnxruntime", "PIL", "pydantic", "rich", "torch"}
    assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--runtime" in done.stdout


@pytest.mark.slow
def test_json_of_good_and_bad_images(run_agekit, model, images):
    done = run_agekit("predict", *images, "--model", model, "--json", "--distribution")
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert [set(item) for item in found] == [{"path", "faces", "error"}] * 3
    assert [item["path"] for item in found] == images
    assert [item["error"] is None for item in found] == [True, False, True]
    assert "truncated or corrupt image" in found[1]["error"]
    assert found[1]["faces"] == []
    face = found[0]["faces"][0]
    assert set(face) == {"age", "interval", "score", "points", "upright", "box", "distribution"}
    assert face["interval"][0] <= face["age"] <= face["interval"][1]
    assert face["box"] is None
    assert face["distribution"]["ages"] == list(range(10, 41))
    assert sum(face["distribution"]["p"]) == pytest.approx(1, abs=1e-5)


def test_lines_for_people(agekit, model, images):
    code, out, err = agekit("predict", images[0], images[2], "--model", model)
    assert (code, err) == (0, INTERVAL)
    lines = out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [images[0], images[2]]
    assert all(" years (" in line for line in lines)


def test_bad_images_are_named_on_stderr(agekit, model, images):
    code, out, err = agekit("predict", *images, "--model", model)
    assert (code, len(out.splitlines())) == (1, 2)
    assert f"error: {images[1]}: " in err


def test_without_an_answer_nothing_is_said_of_intervals(agekit, model, images):
    code, out, err = agekit("predict", images[1], "--model", model)
    assert (code, out) == (1, "") and "note: the interval" not in err
    code, out, err = agekit("predict", images[0], "--model", model, "--detect")
    assert (code, out) == (1, f"{images[0]}: no face found\n")
    assert err.startswith("error: no face was found")
    code, out, err = agekit("predict", *images[1:], "--model", model)
    assert (code, err.count(INTERVAL)) == (1, 1)


def test_the_run_folder_will_do(agekit, model, images):
    code, _, _ = agekit("predict", images[0], "--model", model.removesuffix("model"))
    assert code == 0


def test_plot_writes_a_picture_and_stdout_is_json_alone(agekit, model, images, tmp_path):
    plot = tmp_path / "plots" / "ages.png"
    code, out, _ = agekit("predict", *images, "--model", model, "--plot", str(plot), "--json")
    assert (code, len(json.loads(out))) == (1, 3)
    with Image.open(plot) as image:
        assert image.format == "PNG"


def test_plot_of_nothing_still_answers(agekit, model, images, tmp_path):
    plot = tmp_path / "ages.png"
    code, out, _ = agekit("predict", images[1], "--model", model, "--plot", str(plot), "--json")
    assert (code, plot.exists()) == (1, False)
    assert "truncated or corrupt image" in json.loads(out)[0]["error"]


def test_a_picture_that_cannot_be_written_is_one_line_after_the_answers(
    agekit, model, images, tmp_path
):
    (tmp_path / "file").write_text("")
    plot = tmp_path / "file" / "ages.png"
    code, out, err = agekit("predict", images[0], "--model", model, "--plot", str(plot))
    assert (code, len(out.splitlines()), len(err.splitlines())) == (1, 1, 2)
    assert str(tmp_path / "file") in err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--model", "none"], 2, "Missing argument 'INPUT...'"),
        (["a.png", "--model", "none"], 1, "there is no model 'none'"),
        (["a.png", "--distribution"], 2, "--distribution adds to --json"),
        (["a.png", "--boxes", "a.csv", "--no-detect"], 2, "--boxes says where"),
        (["a.png", "--boxes", "none.csv"], 1, "--boxes none.csv: cannot be read"),
        (["a.png", "--model", "none", "--device", "gpu"], 2, "is not one of auto, cpu"),
    ],
)
def test_mistakes_are_told_in_plain_words(agekit, arguments, code, says):
    found, out, err = agekit("predict", *arguments)
    assert (found, out) == (code, "")
    assert says in err
