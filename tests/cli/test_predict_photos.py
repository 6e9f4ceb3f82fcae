"""`agekit predict` on whole photos, with a detector that a plugin gives."""

from __future__ import annotations

import csv
import io
import json
import os
import re

import numpy as np
import pytest
from agekit_synthfaces import write_face
from PIL import Image

import agekit as api
from agekit import progress
from agekit.cli import main
from agekit.data.alignment import Alignment
from agekit.recipe import resolve
from agekit.tasks.estimator.export import model_config
from agekit.zoo.folder import save_model

MARKS = """
    import numpy as np
    from agekit.faces.align import TEMPLATE
    from agekit.faces.base import Detection, Detector

    class Marks(Detector):
        '''Finds the squares that stand side by side on a black photo.'''

        def detect(self, images, *, min_face=None):
            return [sorted(map(self.face, self.spans(i)), key=lambda f: -f.area) for i in images]

        def spans(self, image):
            bright = image.max(2) > 32
            edges = np.flatnonzero(np.diff(bright.any(0).astype(int)))
            for x0, x1 in (edges.reshape(-1, 2) + 1).tolist():
                yield x0, int(np.flatnonzero(bright[:, x0:x1].any(1))[0]), x1 - x0

        def face(self, span):
            x0, y0, side = span
            points = TEMPLATE * side + [x0, y0]
            box = np.array([x0, y0, x0 + side, y0 + side])
            return Detection(box.astype(np.float32), 1.0, points.astype(np.float32))
    """


INTERVAL = "note: the interval in brackets is meant to hold the true age of 90 % of faces\n"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The folders of two untrained models: one of chips, one of faces cut from photos."""
    network = api.build("ldl-resnet10-tiny", ages=(10, 40), size=32)
    recipe = resolve("ldl-resnet10-tiny", overrides=["data.size=32"]).recipe
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "val"}
    folders = {}
    for align in ("chips", "five-points"):
        face = Alignment(align=align, detector="marks", margin=0.1)
        config = model_config(recipe, network, {"name": align}, interval, face)
        folders[align] = tmp_path_factory.mktemp("run") / "model"
        save_model(folders[align], network, config, {}, "")
    return folders


@pytest.fixture
def model(models, write_plugin):
    write_plugin("marks", {"detector": {"marks": "marks:Marks"}}, {"marks.py": MARKS})
    return str(models["five-points"])


@pytest.fixture
def photo(tmp_path):
    """Writes a photo of faces with the sides given, side by side."""

    def write(name, *sides, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        canvas = Image.new("RGB", (400, 200))
        x = 10
        for k, side in enumerate(sides):
            face = np.asarray(Image.open(write_face(tmp_path / "face.bmp", 30, k, side))) | 64
            canvas.paste(Image.fromarray(face), (x, 20))
            x += side + 12
        (tmp_path / "face.bmp").unlink(missing_ok=True)
        canvas.save(path, **options)
        return str(path)

    return write


@pytest.fixture
def agekit(capsys):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(["predict", *arguments])
        return done.value.code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_json_of_photos_through_the_real_command(run_agekit, model, photo):
    paths = [photo("two.png", 40, 70), photo("none.png"), photo("one.png", 50)]
    done = run_agekit("predict", *paths, "--model", model, "--device", "cpu", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert [item["path"] for item in found] == paths
    assert [item["error"] for item in found] == [None] * 3
    boxes = [[face["box"] for face in item["faces"]] for item in found]
    assert boxes == [[[62, 20, 132, 90], [10, 20, 50, 60]], [], [[10, 20, 60, 70]]]
    face = found[0]["faces"][0]
    assert face["interval"][0] <= face["age"] <= face["interval"][1]
    assert (face["score"], face["upright"], len(face["points"])) == (1, True, 5)
    assert "distribution" not in face
    assert len(done.stdout.splitlines()) == 5


def test_lines_for_people(agekit, model, photo):
    two, none, one = photo("two.png", 40, 70), photo("none.png"), photo("one.png", 50)
    code, out, err = agekit(two, none, one, "--model", model)
    assert (code, err) == (0, INTERVAL)
    lines = out.splitlines()
    assert lines[0].startswith(f"{two}: face 1 of 2: ")
    assert re.search(r" \d\d\.\d years \(\d\d-\d\d\), 70 x 70 pixels at \(62, 20\)$", lines[0])
    assert lines[1].startswith(f"{two}: face 2 of 2: ")
    assert lines[2] == f"{none}: no face found"
    assert re.fullmatch(r"\d\d\.\d years \(\d\d-\d\d\)", lines[3].removeprefix(f"{one}: "))
    code, out, _ = agekit(two, "--faces", "largest", "--model", model)
    assert (code, len(out.splitlines()), "face 1" in out) == (0, 1, False)


def test_no_face_in_any_photo(agekit, model, photo):
    none = photo("none.png")
    code, out, err = agekit(none, none, "--model", model)
    assert (code, out) == (1, f"{none}: no face found\n" * 2)
    assert err.splitlines()[0] == "error: no face was found"
    assert "--no-detect" in err
    code, out, _ = agekit(none, "--model", model, "--json")
    assert (code, json.loads(out)) == (1, [{"path": none, "faces": [], "error": None}])


def test_an_unreadable_photo_among_others(agekit, model, photo, tmp_path):
    (tmp_path / "bad.png").write_text("no image")
    code, out, err = agekit(photo("one.png", 50), str(tmp_path / "bad.png"), "--model", model)
    assert (code, len(out.splitlines())) == (1, 1)
    told = err.splitlines()[1]
    assert told.startswith(f"error: {tmp_path}/bad.png: not an image agekit reads (use JPEG, ")
    code, out, err = agekit(str(tmp_path / "bad.png"), "--model", model)
    assert (code, out, err.splitlines()) == (1, "", [told])


_TAKEN = "its middle square is taken for one"


def test_chips_and_photos_by_request(agekit, model, models, photo):
    one = photo("one.png", 50)
    code, out, _ = agekit(one, "--model", model, "--no-detect", "--json")
    assert (code, json.loads(out)[0]["faces"][0]["box"]) == (0, None)
    chips = str(models["chips"])
    code, out, err = agekit(one, "--model", chips, "--json")
    assert (code, json.loads(out)[0]["faces"][0]["box"]) == (0, None)
    assert err == f"note: {one}: 400 x 200 pixels are no face chip: {_TAKEN}\n"
    code, out, err = agekit(one, "--model", chips, "--detect", "--json")
    assert (code, json.loads(out)[0]["faces"][0]["box"]) == (0, [10, 20, 60, 70])
    assert err.startswith("note: ")
    assert "does not say how its faces were cut" in err


def test_folders_and_patterns(agekit, model, photo, tmp_path):
    for name in ("in/b.png", "in/a.png", "in/deep/c.jpg"):
        photo(name, 50)
    for given in (str(tmp_path / "in"), str(tmp_path / "in" / "**")):
        _, out, _ = agekit(given, "--model", model, "--json")
        names = [os.path.relpath(item["path"], tmp_path / "in") for item in json.loads(out)]
        assert names == ["a.png", "b.png", "deep/c.jpg"]
    code, out, err = agekit(str(tmp_path / "in" / "*.gif"), "--model", model)
    assert (code, out) == (1, "")
    assert "matches no image" in err


def test_csv_in_a_file(agekit, model, photo, tmp_path):
    two, none = photo('a "b", ü.png', 40, 70), photo("none.png")
    (tmp_path / "bad.png").write_text("no image")
    table = tmp_path / "out" / "ages.csv"
    arguments = [two, none, str(tmp_path / "bad.png"), "--model", model]
    code, out, err = agekit(*arguments, "--csv", str(table))
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "3 images: 2 faces; 1 without a face; 1 could not be read"
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ["path", "face", "age", "low", "high", "x0", "y0", "x1", "y1", "error"]
    assert list(rows[0]) == [*columns, "score", "upright"]
    assert (rows[0]["score"], rows[0]["upright"]) == ("1.0000", "1")
    assert [(r["path"], r["face"]) for r in rows[:2]] == [(two, "1"), (two, "2")]
    assert [rows[0][key] for key in ("x0", "y0", "x1", "y1")] == ["62.0", "20.0", "132.0", "90.0"]
    assert float(rows[0]["low"]) <= float(rows[0]["age"]) <= float(rows[0]["high"])
    assert [rows[2][key] for key in rows[2]] == [none, *[""] * 11]
    assert "not an image" in rows[3]["error"]
    assert list(table.parent.iterdir()) == [table]
    _, out, _ = agekit(*arguments, "--csv", "-")
    assert list(csv.DictReader(io.StringIO(out))) == rows


def test_csv_and_json_at_once(agekit, model, photo, tmp_path):
    one, table = photo("one.png", 50), tmp_path / "ages.csv"
    code, out, _ = agekit(one, "--model", model, "--csv", str(table), "--json")
    assert (code, len(json.loads(out)), len(table.read_text().splitlines())) == (0, 1, 2)


def test_names_that_a_spreadsheet_or_a_terminal_would_obey(
    agekit, model, photo, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    names = ["=1+1.png", "-2.png", "@a.png", "\t=b.png", "-=bad.png", "\x1b]0;c\x07\n\u202e.png"]
    for name in names:
        photo(name, 50)
    (tmp_path / names[4]).write_text("no image")
    given = ["--model", model, "--csv", "ages.csv", "--", *names]
    code, out, err = agekit(*given)
    assert (code, out) == (1, "")
    with open("ages.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [*(f"./{name}" for name in names[:5]), names[5]]
    assert rows[4]["error"].startswith("./-=bad.png: not an image")
    _, out, err = agekit("--model", model, "--", *names, "\x1b2J.png", "no/\x9b1m\r.png")
    assert out.splitlines()[4].startswith("\\x1b]0;c\\x07\\x0a\\u202e.png: ")
    assert "error: \\x1b2J.png: cannot be read: No such file" in err
    assert "error: no/\\x9b1m\\x0d.png: cannot be read: No such file" in err
    assert not set(out + err) & set("\x1b\x07\x9b\r\t\u202e")


def test_boxes_of_another_detector(agekit, model, photo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo("in/two.png", 40, 70)
    photo("in/none.png")
    answer = agekit("in", "--model", model, "--json")[1]
    (tmp_path / "own.json").write_text(answer)
    agekit("in", "--model", model, "--csv", "in/own.csv")
    (tmp_path / "in" / "own2.csv").write_text("path,x0,y0,x1,y1\ntwo.png,10,20,50,60\nz,1,2,3,4\n")
    for file, count in (("own.json", 2), ("in/own.csv", 2), ("in/own2.csv", 1)):
        code, out, err = agekit("in", "--boxes", file, "--model", model, "--json")
        found = json.loads(out)
        assert (code, [len(image["faces"]) for image in found]) == (0, [0, count])
        assert f"note: 1 image has no face in {file}" in err
        assert ("1 face in" in err) is (count == 1)
        faces = json.loads(answer)[1]["faces"][-count:]
        assert [face["box"] for face in found[1]["faces"]] == [face["box"] for face in faces]
        assert [face["age"] for face in found[1]["faces"]] == pytest.approx(
            [face["age"] for face in faces], abs=0.5
        )
    for text, reason in (
        ("path,x0\n", "no column x1"),
        ("path,x0,y0,x1,y1\na.png,1,2,3,x\n", "line 2: its box is not four numbers"),
        ("path,x0,y0,x1,y1\na.png,1,2,3,4\na.png,1,2,3\n", "line 3: its box"),
        ("[3]", "TypeError"),
        ('[{"path": "a"}]', "KeyError"),
        ('{"path": "a.png", "faces": []}', "its JSON is not a list"),
        ("\0", ""),
    ):
        (tmp_path / "bad").write_text(text)
        code, out, err = agekit("in", "--boxes", "bad", "--model", model)
        assert (code, out) == (1, "")
        assert "--boxes bad: is no list of boxes" in err
        assert reason in err
        assert "hint: a csv with the columns path, x0, y0, x1, y1" in err


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_file_name_that_is_not_text(agekit, model, photo, tmp_path):
    path = os.path.join(os.fsencode(tmp_path), b"\xff.png")
    os.rename(photo("one.png", 50), path)
    name = os.fsdecode(path)
    code, out, _ = agekit(name, "--model", model)
    assert (code, "\ufffd.png" in out) == (0, True)
    _, out, _ = agekit(name, "--model", model, "--json")
    assert json.loads(out)[0]["path"] == name
    table = tmp_path / "ages.csv"
    agekit(name, "--model", model, "--csv", str(table))
    assert path in table.read_bytes()


def test_plot_of_one_photo(agekit, model, photo, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    one = photo("one.jpg", 50, exif=exif, quality=100)
    for name, kind in (("a.png", "PNG"), ("a.jpg", "JPEG"), ("folder/one.jpg", "JPEG")):
        plot = str(tmp_path / name).removesuffix("one.jpg")
        assert agekit(one, "--model", model, "--plot", plot)[0] == 0
        with Image.open(tmp_path / name) as image:
            assert (image.format, image.size) == (kind, (400, 200))


def test_plots_of_several_photos(agekit, model, photo, tmp_path):
    for name in ("in/a.png", "in/deep/a.png", "in/b.bmp", "in/b.png"):
        photo(name, 50)
    photo("in/none.jpg")
    (tmp_path / "in" / "bad.png").write_text("no image")
    (tmp_path / "out").mkdir()
    code, out, _ = agekit(
        str(tmp_path / "in"), photo("a.png", 60), "--model", model, "--plot", str(tmp_path / "out")
    )
    assert (code, len(out.splitlines())) == (1, 6)
    found = sorted(p.relative_to(tmp_path / "out") for p in (tmp_path / "out").rglob("*.*"))
    assert [path.as_posix() for path in found] == [
        "a-2.png",
        "a.png",
        "b-2.png",
        "b.png",
        "deep/a.png",
        "none.jpg",
    ]


def test_photos_are_never_written_over(agekit, model, photo, tmp_path):
    one, two = photo("in/one.png", 50), photo("in/two.png", 50)
    before = os.stat(one).st_mtime_ns, os.stat(two).st_mtime_ns
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "in")
    for options in (
        [one, "--plot", one],
        [one, "--plot", one, "--no-detect"],
        [one, two, "--plot", f"{link}/"],
        [str(tmp_path / "in"), "--plot", str(tmp_path / "in")],
        [one, "--csv", one],
    ):
        code, out, err = agekit(*options, "--model", model)
        assert (code, out) == (1, "")
        assert "is one of the images" in err
    assert (os.stat(one).st_mtime_ns, os.stat(two).st_mtime_ns) == before


@pytest.mark.slow
def test_a_plot_that_cannot_be_written_loses_no_answer(agekit, model, photo, tmp_path):
    (tmp_path / "file").write_text("")
    two = [photo("a.png", 50), photo("b.png", 60)]
    code, out, err = agekit(*two, "--model", model, "--plot", f"{tmp_path}/file/x/", "--json")
    assert (code, len(json.loads(out)), len(err.splitlines())) == (1, 2, 1)
    assert str(tmp_path / "file") in err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["a.png", "b.png", "--plot", "ages.png"], 2, "name a folder"),
        (["a.png", "--plot", "ages.pdf"], 2, "name a .png or .jpg file"),
        (["a.png", "--plot", "ages/", "--no-detect"], 2, "name a file"),
        (["a.png"] * 201 + ["--plot", "ages.png", "--no-detect"], 1, "too many"),
        (["a.png", "--csv", "-", "--json"], 2, "--json and --csv -"),
        (["a.png", "--csv", os.devnull], 2, "is not a file"),
        (["a.png", "--batch-size", "0"], 2, "--batch-size"),
        (["a.png", "--faces", "both"], 2, "--faces"),
    ],
)
def test_mistakes_are_told_before_any_work(agekit, model, arguments, code, says):
    found, out, err = agekit(*arguments, "--model", model)
    assert (found, out) == (code, "")
    assert says in err


def test_a_detector_that_is_not_installed(agekit, models, photo):
    code, out, err = agekit(photo("one.png", 50), "--model", str(models["five-points"]), "--json")
    assert (code, out) == (1, "")
    assert "no detector named 'marks'" in err


def test_many_photos_are_counted_and_shown_now_and_then(agekit, model, photo, monkeypatch):
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    one = photo("one.png", 50)
    code, out, err = agekit(*[one] * 25, "--model", model)
    assert (code, len(out.splitlines())) == (0, 25)
    lines = err.splitlines()
    assert lines[1] == "1 of 25 images"  # of the first, models are loaded: it tells no rate
    assert re.fullmatch(r"2 of 25 images, [\d.,]+ a second, [\d:]+ left", lines[2])
    assert len(lines) == 26
    assert lines[-1] == "25 images: 25 faces"


def test_help(agekit):
    code, out, _ = agekit("--help")
    assert code == 0
    for word in ("INPUT...", "--detect", "--no-detect", "--faces", "--plot", "--csv", "--json"):
        assert word in out
