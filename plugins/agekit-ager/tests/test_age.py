from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from agekit_ager.answers import tell
from agekit_ager.build import build_ager
from agekit_ager.config import AgerConfig
from agekit_ager.image import AgedFace
from agekit_testkit.models import write_untrained
from PIL import Image, ImageCms
from torch import nn

import agekit as api
from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.errors import ModelError
from agekit.faces.align import TEMPLATE, standard
from agekit.faces.base import Detection, Detector
from agekit.recipe import PartConfig, resolve
from agekit.registry import DETECTORS, GENERATORS
from agekit.tasks.estimator.export import model_config
from agekit.tasks.generator import Generator
from agekit.zoo.config import ImageConfig
from agekit.zoo.folder import save_model

SIZE = 32
GREEN = (0, 90, 0)
PLUGIN = """
    from torch import nn, zeros
    from agekit.tasks.generator import Generator

    class Shift(Generator):
        def __init__(self):
            super().__init__()
            self.by = nn.Parameter(zeros(1))

        def forward(self, images):
            return images + self.by
"""


class Shift(Generator):
    """Adds the same to every pixel."""

    def __init__(self):
        super().__init__()
        self.by = nn.Parameter(torch.zeros(1))

    def forward(self, images):
        return images + self.by


class Marks(Detector):
    """Finds the squares that stand apart on a photo of another colour."""

    def detect(self, images, *, min_face=None):
        return [sorted(self._faces(image), key=lambda face: -face.area) for image in images]

    def _faces(self, image):
        other = (np.abs(image.astype(int) - image[0, 0]) > 12).any(2)
        edges = np.flatnonzero(np.diff(other.any(0).astype(int)))
        for x0, x1 in (edges.reshape(-1, 2) + 1).tolist():
            y0, side = int(np.flatnonzero(other[:, x0:x1].any(1))[0]), x1 - x0
            box = np.array([x0, y0, x1, y0 + side], np.float32)
            yield Detection(box, 0.9, (TEMPLATE * side + [x0, y0]).astype(np.float32))


def photo(*sides):
    canvas = np.full((100, 20 + sum(sides) + 40 * len(sides), 3), GREEN, np.uint8)
    x = 30
    for side in sides:
        canvas[20 : 20 + side, x : x + side] = 120
        x += side + 40
    return Image.fromarray(canvas)


def write_ager(folder, **face):
    """An ager that makes pixels 20 brighter for old, and darker for young."""
    part = PartConfig(type="shift")
    ager = build_ager(part)
    with torch.no_grad():
        ager.old.by += 20 / 127.5
        ager.young.by -= 20 / 127.5
    config = AgerConfig(
        name="shift",
        generator=part,
        image=ImageConfig(size=SIZE, mean=(0.5,) * 3, std=(0.5,) * 3),
        face=Alignment(**face),
        domains={"young": "", "old": ""},
        parameters=2,
    )
    save_model(folder, ager, config, {}, "")
    return str(folder)


@pytest.fixture(scope="module")
def estimator(tmp_path_factory):
    recipe = "reg-resnet10-tiny"
    network = api.build(recipe, ages=(10, 40), size=32)
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "val"}
    chosen = resolve(recipe, overrides=["data.size=32"]).recipe
    config = model_config(chosen, network, {"name": "tiny"}, interval, Alignment())
    folder = tmp_path_factory.mktemp("run") / "model"
    save_model(folder, network, config, {}, "")
    return str(folder)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to be in, with the parts that an ager needs."""
    monkeypatch.setattr(DETECTORS, "get", {"mtcnn": Marks}.__getitem__)
    monkeypatch.setattr(GENERATORS, "get", {"shift": Shift}.__getitem__)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(here):
    return write_ager(here / "model", align="five-points", margin=0.1)


@pytest.fixture
def agekit(capsys):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main([*arguments, "--device", "cpu"])
        return done.value.code, *capsys.readouterr()

    return run


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_a_photo_comes_back_with_its_face_aged(agekit, here, model):
    photo(60).save("a.png")
    code, out, err = agekit("age", "a.png", "--no-judge", "--model", model)
    assert (code, out) == (0, "a.png -> aged/a-old.png\n")
    assert err == ""
    assert files(here / "aged") == ["a-old-side-by-side.png", "a-old.png"]
    with Image.open("aged/a-old.png") as image:
        assert image.getpixel((60, 50)) == (140, 140, 140)
        assert image.getpixel((5, 5)) == GREEN
    with Image.open("aged/a-old-side-by-side.png") as image:
        assert image.width > 2 * 120


def test_ages_by_the_zoos_default_judge(agekit, here, model):
    photo(60).save("a.png")
    code, out, err = agekit("age", "a.png", "--model", model)
    assert re.fullmatch(r"a\.png -> aged/a-old\.png: [\d.]+ → [\d.]+ years\n", out), (out, err)
    assert (code, err) == (0, "")


def test_without_a_default_judge_the_ages_are_left_out(agekit, here, model, monkeypatch):
    photo(60).save("a.png")
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-ldl")
    code, out, err = agekit("age", "a.png", "--model", model)
    assert code == 0 and " years" in out, "the default needs no plugin: it has an ONNX file"

    def none(task):
        raise ModelError(f"there is no default {task}")

    monkeypatch.setattr("agekit_ager.command.default_model", none)
    code, out, err = agekit("age", "a.png", "--model", model)
    assert (code, out) == (0, "a.png -> aged/a-old.png\n")
    assert "how old the faces look is not told: there is no default estimator" in err


def test_ages_with_a_judge(agekit, here, model, estimator):
    photo(40, 60).save("a.png")
    code, out, err = agekit("age", "a.png", "--model", model, "--judge", estimator)
    assert code == 0
    assert err.startswith("note: the judge tiny does not say where the eyes, nose and mouth lie")
    assert out.count("→") == 2
    assert out.startswith("a.png -> aged/a-old.png: ")
    assert out.endswith(" years\n")


def test_before_and_after_are_what_predict_answers(agekit, here, model):
    """Of photos and of their results, whatever the frame of the judge; of chips too."""
    judge = str(write_untrained(here / "judge", "reg-resnet10-tiny", face=standard(0.4, "mtcnn")))
    rng = np.random.default_rng(0)
    pixels = np.asarray(photo(40, 60)).copy()
    for x, side in ((30, 40), (110, 60)):
        noise = rng.integers(60, 180, (side, side, 3), np.uint8)
        noise[:, [0, -1]] = noise[[0, -1]] = 120
        pixels[20 : 20 + side, x : x + side] = noise
    Image.fromarray(pixels).save("a.png")

    def ages(path, *options):
        _, out, _ = agekit("predict", path, "--model", judge, "--json", *options)
        return [face["age"] for face in json.loads(out)[0]["faces"]]

    code, out, err = agekit("age", "a.png", "--model", model, "--judge", judge, "--json")
    assert (code, err) == (0, "")
    faces = json.loads(out)[0]["faces"]
    assert len(faces) == 2
    assert [face["before"] for face in faces] == pytest.approx(ages("a.png"), abs=0.011)
    assert [face["after"] for face in faces] == pytest.approx(ages("aged/a-old.png"), abs=0.011)

    same = str(write_untrained(here / "same", "reg-resnet10-tiny", face=standard(0.1, "mtcnn")))
    Image.fromarray(pixels[20:80, 110:170]).save("chip.png")
    options = ("--model", model, "--no-detect", "--json", "--judge")
    _, out, err = agekit("age", "chip.png", *options, same)
    answer = json.loads(out)[0]
    judge = same
    assert [answer["before"]] == pytest.approx(ages("chip.png", "--no-detect"), abs=0.011)
    assert [answer["after"]] == pytest.approx(ages(answer["output"], "--no-detect"), abs=0.011)
    assert "reframed" not in err
    _, out, err = agekit("age", "chip.png", *options, str(here / "judge"))
    assert "note: faces reframed: the eyes lie at" in err


def test_json(agekit, here, model, estimator):
    photo(40, 60).save("a.png")
    photo().save("none.png")
    arguments = ["a.png", "none.png", "bad.png", "--model", model, "--to", "young", "--json"]
    code, out, err = agekit("age", *arguments, "--judge", estimator)
    good, none, bad = json.loads(out)
    assert (code, err.count("\n")) == (1, 1)
    assert (good["path"], good["output"], good["error"]) == ("a.png", "aged/a-young.png", None)
    assert good["side_by_side"] == "aged/a-young-side-by-side.png"
    assert [face["box"] for face in good["faces"]] == [[110, 20, 170, 80], [30, 20, 70, 60]]
    assert (good["before"], good["after"]) == tuple(
        good["faces"][0][k] for k in ("before", "after")
    )
    assert 10 <= good["before"] <= 40
    assert (none["output"], none["error"], none["faces"]) == (None, "no face found", [])
    assert bad["output"] is None
    assert "No such file" in bad["error"]
    assert files(here / "aged") == ["a-young-side-by-side.png", "a-young.png"]


@pytest.mark.slow
def test_in_a_process_of_its_own(run_agekit, write_plugin, tmp_path, monkeypatch):
    write_plugin("shifty", {"generator": {"shift": "shifty:Shift"}}, {"shifty.py": PLUGIN})
    model = write_ager(tmp_path / "model")
    photo(60).save(tmp_path / "a.png")
    done = run_agekit("age", "a.png", "--model", model, "--device", "cpu", "--json")
    assert done.returncode == 0, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("licence of the weights of sord-lite0: utkface: non-commercial research")
    [answer] = json.loads(done.stdout)
    assert answer["faces"] == [{"before": None, "after": None, "box": None}]
    with Image.open(tmp_path / answer["output"]) as image:
        assert image.size == (SIZE, SIZE)


def test_formats_orientation_and_colour_profile_are_kept(agekit, here, model):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = photo(60).transpose(Image.Transpose.ROTATE_90)
    turned.save("a.JPG", quality=95, exif=exif, icc_profile=profile)
    photo(60).save("b.webp", lossless=True)
    code, _, _ = agekit("age", "a.JPG", "b.webp", "--model", model, "--no-side-by-side")
    assert code == 0
    assert files(here / "aged") == ["a-old.JPG", "b-old.png"]
    with Image.open("aged/a-old.JPG") as image:
        assert (image.format, image.size) == ("JPEG", (120, 100))
        assert not image.getexif()
        assert image.info["icc_profile"] == profile
        assert np.abs(np.array(image.getpixel((60, 50))) - 140).max() < 4


def test_folders_are_kept_and_no_two_results_collide(agekit, here, model):
    for name in ("in/a.png", "in/a.jpg", "in/sub/a.png", "other/a.png"):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        photo(60).save(name)
    code, out, _ = agekit("age", "in", "other/a.png", "--no-judge", "--model", model)
    assert code == 0
    written = [line.split(" -> ")[1] for line in out.splitlines()]
    assert written == [
        "aged/a-old.jpg",
        "aged/a-old-2.png",
        "aged/sub/a-old.png",
        "aged/a-old-3.png",
    ]
    assert len(files(here / "aged")) == 8


def test_results_of_an_earlier_time_are_not_aged_again(agekit, here, model):
    photo(60).save("a.png")
    for _ in range(2):
        code, out, err = agekit("age", ".", "--no-judge", "--model", model)
        assert (code, out) == (0, "a.png -> aged/a-old.png\n")
    assert err.startswith("note: 2 images in aged, where the results go, left out\n")
    code, out, _ = agekit("age", "aged/a-old.png", "--no-judge", "--model", model, "--to", "young")
    assert (code, out) == (0, "aged/a-old.png -> aged/a-old-young.png\n")


def test_an_image_is_never_written_over(agekit, here, model):
    (here / "aged").mkdir()
    for name in ("a.png", "aged/a-old.png"):
        photo(60).save(name)
    before = (here / "aged/a-old.png").read_bytes()
    code, out, err = agekit("age", "a.png", "aged/a-old.png", "--no-judge", "--model", model)
    assert (code, out) == (1, "")
    assert "aged/a-old.png is one of the images: it is not overwritten" in err
    assert (here / "aged/a-old.png").read_bytes() == before


def test_no_face_anywhere(agekit, here, model):
    photo().save("none.png")
    code, out, err = agekit("age", "none.png", "--model", model)
    assert (code, out) == (1, "none.png: no face found\n")
    assert "use --no-detect" in err
    assert not (here / "aged").exists()


def test_the_faces_of_another_detector_are_aged(agekit, here, model):
    photo(40, 60).save("a.png")
    photo(60).save("b.png")
    (here / "boxes.csv").write_text("path,x0,y0,x1,y1\na.png,30,20,70,60\na.png,0,60,20,90\n")
    arguments = ("age", "a.png", "b.png", "--no-judge", "--model", model, "--boxes", "boxes.csv")
    code, out, err = agekit(*arguments, "--json")
    assert code == 0
    first, second = json.loads(out)
    assert [face["box"] for face in first["faces"]] == [[30, 20, 70, 60], [0, 60, 20, 90]]
    assert second["error"] == "no face found"
    assert "1 image has no face in boxes.csv" in err
    assert "1 face was cut by its box" in err and "may not age as they should" in err
    code, out, err = agekit(*arguments, "--no-detect")
    assert (code, out) == (2, "")
    assert "--boxes says where the faces are" in err


def test_bad_images_are_named_and_the_others_aged(agekit, here, model):
    photo(60).save("a.png")
    (here / "bad.png").write_bytes((here / "a.png").read_bytes()[:80])
    code, out, err = agekit("age", "bad.png", "a.png", "--no-judge", "--model", model)
    assert (code, out) == (1, "a.png -> aged/a-old.png\n")
    assert err.startswith("error: bad.png: truncated or corrupt image")


def test_a_result_that_cannot_be_written(agekit, here, model):
    photo(60).save("a.png")
    (here / "aged" / "a-old.png").mkdir(parents=True)
    code, out, err = agekit("age", "a.png", "--no-judge", "--model", model)
    assert (code, out) == (1, "")
    assert err.startswith("error: aged/a-old.png: Is a directory")
    assert files(here / "aged") == ["a-old.png"]


def test_a_model_that_does_not_say_how_its_faces_were_cut(agekit, here):
    model = write_ager(here / "chips")
    photo(60).save("a.png")
    code, _, err = agekit("age", "a.png", "--model", model, "--detect")
    assert code == 0
    assert "does not say how its faces were cut" in err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--model", "model"], 2, "Missing argument 'IMAGE...'"),
        (["a.png", "--model", "none"], 1, "there is no model 'none'"),
        (["a.png", "--model", "model", "--to", "older"], 2, "'older' is not one of"),
        (["a.png", "--model", "model", "--out", "a.png"], 2, "--out a.png is not a folder"),
        (["a.png", "--model", "model", "--out", "b.png"], 2, "--out b.png: name the folder for"),
        (["a.png", "--model", "model", "--judge", "none"], 1, "there is no model 'none'"),
        (["a.png", "--model", "model", "--judge", "model"], 1, "the judge model is an ager"),
    ],
)
def test_mistakes_are_told_in_plain_words(agekit, here, model, arguments, code, says):
    photo(60).save("a.png")
    found, out, err = agekit("age", *arguments)
    assert (found, out) == (code, "")
    assert says in err


def test_an_estimator_is_refused_as_the_model(agekit, here, estimator):
    photo(60).save("a.png")
    code, out, err = agekit("age", "a.png", "--model", estimator)
    assert (code, out) == (1, "")
    assert "is an estimator, not an ager" in err
    assert "agekit predict" in err


def test_ages_are_rounded_once_as_predictions_are(capsys):
    face = AgedFace(before=38.2549, after=61.0451)
    answer = {"path": "a.png", "error": None, "output": "b.png", "faces": [face.to_dict()]}
    tell(answer, [face])
    assert "b.png: 38.3 → 61.0 years" in capsys.readouterr().out
    assert answer["faces"][0]["before"] == 38.25
