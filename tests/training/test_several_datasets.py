"""One training, and one evaluation, on several datasets in one frame."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from agekit_synthfaces import SynthFaces, draw, person
from PIL import Image

from agekit.data.alignment import Alignment
from agekit.data.split import load_faces
from agekit.data.table import FaceTable
from agekit.errors import DataError
from agekit.faces.align import known_points, standard
from agekit.training.framing import Framing, find_framing
from agekit.zoo.folder import read_config
from tests.training.conftest import Here

CPU = torch.device("cpu")
POINTS = known_points(SynthFaces.alignment)
N = 12
SMALL = ("--set", "data.size=32", "--set", "train.amp=fp32", "--device", "cpu", "--epochs", "1")
BOTH = "synthfaces+all-age-faces"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All-Age-Faces as it is laid out: drawn faces somewhere in photos, with their key points."""
    root = tmp_path_factory.mktemp("photos")
    for folder in ("original images", "key points", "image sets"):
        (root / folder).mkdir()
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for k in range(N):
        side, corner = 80 + 4 * k, np.array([10 + 3 * k, 30 - 2 * k])
        photo = Image.new("RGB", (200, 180), (90, 120, 150))
        photo.paste(Image.fromarray(draw(person(0, k), 20 + 3 * k, side)), tuple(corner))
        name = f"{7375 + k:05}A{20 + 3 * k:02}"
        photo.save(root / "original images" / f"{name}.jpg", quality=98, subsampling=0)
        five = POINTS * side + corner
        rows = np.zeros((49 + k % 2, 2))
        for eye, (first, end) in enumerate(((19, 25), (25, 31))):
            ring = np.linspace(0, 2 * np.pi, 6, endpoint=False)
            rows[first:end] = five[eye] + 3 * np.stack([np.cos(ring), np.sin(ring)], 1)
        rows[13], rows[31], rows[37] = five[2:]
        text = "".join(f"{x:.6g} {y:.6g}\n" for x, y in rows)
        (root / "key points" / f"{name}.txt").write_text(text, encoding="utf-8")
        lists["train" if k % 3 else "val"].append(f"{name}.jpg 0\n")
    for name, lines in lists.items():
        (root / "image sets" / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
    return root


def where(photos: Path) -> tuple[object, ...]:
    own = ("--protocol", "synthfaces=tiny", "--protocol", "all-age-faces=official")
    return (BOTH, "--root", f"all-age-faces={photos}", *own)


def shown(table: FaceTable, i: int) -> np.ndarray:
    return table.images.decode(i, 64).astype(int)


def test_photos_are_cut_by_their_own_points_to_the_frame_of_the_chips(photos: Path) -> None:
    faces = load_faces(BOTH, {"all-age-faces": photos}, {"all-age-faces": "official"})
    framing = find_framing(faces, CPU)
    assert framing.shown == SynthFaces.alignment
    assert framing.notes == (
        "all faces are shown in the frame of synthfaces: eyes at (39%, 48%) and (61%, 48%)",
        "the faces of all-age-faces are cut out of its photos by its own points, to the frame of "
        "synthfaces",
    )
    table = Framing.model_validate(framing.to_json()).apply(faces).table
    assert (len(table), table.points) == (6000 + N, None)
    for k in range(N):
        there = draw(person(0, k), 20 + 3 * k, 64).astype(int)
        assert np.abs(shown(table, 6000 + k) - there)[8:-8, 8:-8].mean() < 9
    np.testing.assert_array_equal(shown(table, 5), shown(faces.table, 5))
    np.testing.assert_array_equal(table.images.digests()[:9], faces.table.images.digests()[:9])
    np.testing.assert_array_equal(table.content_keys(), faces.table.content_keys())
    alone = load_faces("all-age-faces", photos, "official")
    same = find_framing(alone, CPU, wanted=SynthFaces.alignment, model="m").apply(alone)
    np.testing.assert_array_equal(same.table.images.digests(), table.images.digests()[6000:])


def test_alone_they_come_to_the_standard_frame_or_the_models(photos: Path) -> None:
    faces = load_faces("all-age-faces", photos)
    framing = find_framing(faces, CPU)
    assert framing.shown == standard()
    assert framing.notes[0].endswith("by its own points, to the frame of the standard")
    assert find_framing(faces, CPU, wanted=standard(0.6), model="m").shown == standard(0.6)
    as_they_are = find_framing(faces, CPU, as_chips=True)
    assert as_they_are.apply(faces).table.images is faces.table.images


def test_the_first_known_frame_counts_and_photos_without_points_are_refused(
    photos: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    (bare / "original images").mkdir(parents=True)
    for path in (photos / "original images").iterdir():
        (bare / "original images" / path.name).write_bytes(path.read_bytes())
    faces = load_faces(BOTH, {"all-age-faces": bare})
    with pytest.raises(DataError, match="all-age-faces is a dataset of whole photos") as error:
        find_framing(faces, CPU, root={"all-age-faces": bare})
    assert "then give --root all-age-faces=CHIPS" in error.value.hint
    assert f"--root {bare}" in error.value.hint
    turned = load_faces("all-age-faces+synthfaces", {"all-age-faces": photos})
    assert find_framing(turned, CPU).shown == SynthFaces.alignment
    unknown = find_framing(turned, CPU, wanted=Alignment(), model="m")
    assert unknown.notes[0] == "m does not say where faces lie in what it was trained on"
    assert unknown.shown == SynthFaces.alignment
    own = find_framing(turned, CPU, wanted=standard(0.5), model="m")
    assert own.shown == standard(0.5)
    assert any("faces reframed: the eyes lie at" in note for note in own.notes)


def test_a_photo_without_usable_points_is_left_out_and_told(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for path in photos.rglob("*.*"):
        (root / path.relative_to(photos)).parent.mkdir(parents=True, exist_ok=True)
        (root / path.relative_to(photos)).write_bytes(path.read_bytes())
    (root / "key points/07375A20.txt").unlink()
    (root / "key points/07376A23.txt").write_text("1 2\n3 4\n", encoding="utf-8")
    (root / "key points/07377A26.txt").write_text("nan 2\n" * 49, encoding="utf-8")
    faces = load_faces("all-age-faces", root)
    told = {p.name.rpartition("/")[2]: p.detail for p in faces.problems if p.kind == "points"}
    assert [*told] == ["07375A20.jpg", "07376A23.txt", "07377A26.txt"]
    framing = find_framing(faces, CPU)
    assert framing.notes[1] == "3 photos have no points in all-age-faces: left out"
    table = framing.apply(faces).table
    with pytest.raises(DataError, match="where its eyes, nose and mouth lie is not known"):
        table.images.decode(0, 32)
    assert table.images.decode(3, 32).shape == (32, 32, 3)


@pytest.mark.slow
def test_a_training_on_both_knows_both(here: Here, photos: Path, tmp_path: Path) -> None:
    code, out, err = here("train", "sord-resnet10-tiny", *where(photos), *SMALL, "--out", "run",
                          "--preset", "quick", "--json")  # fmt: skip
    assert code == 0, err
    assert "synthfaces:tiny+all-age-faces:official (split " in err
    assert "train 384, val 48, test 60 faces" in err
    assert "all faces are shown in the frame of synthfaces" in err
    test = json.loads(out)["metrics"]["test"]
    parts = test["by_dataset"]
    assert {name: part["n"] for name, part in parts.items()} == {"synthfaces": 56, BOTH[11:]: 4}
    joint = sum(part["mae"] * part["n"] for part in parts.values()) / 60
    assert test["mae"] == pytest.approx(joint)

    info = json.loads((tmp_path / "run/run.json").read_text("utf-8"))
    assert (info["dataset"], info["name"]) == (BOTH, "sord-resnet10-tiny-synthfaces-all-age-faces")
    assert info["root"] == {"all-age-faces": str(photos)}
    assert [part["protocol"] for part in info["parts"]] == info["protocol"].split("+")
    config = read_config(tmp_path / "run/model")
    assert config.trained["parts"] == info["parts"]
    assert config.trained["data"]["title"] == "SynthFaces and All-Age-Faces"
    assert str(photos) not in config.model_dump_json()
    card = (tmp_path / "run/model/README.md").read_text("utf-8")
    assert f"agekit evaluate MODEL {BOTH} --root all-age-faces=DIR" in card
    assert re.search(r"\| all-age-faces \| 4 \|", card)

    code, out, err = here("evaluate", "run", *where(photos), "--json", "--device", "cpu")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["metrics"]["by_dataset"]["all-age-faces"]["mae"] == pytest.approx(
        parts["all-age-faces"]["mae"], abs=1e-4
    )
    assert answer["parts"] == info["parts"]
    assert [part["shown"] for part in answer["alignment"]["parts"]] == [
        SynthFaces.alignment.model_dump(mode="json")
    ] * 2
    code, out, err = here("evaluate", "run", *where(photos), "--device", "cpu")
    assert re.search(r"all-age-faces +4 ", out)
    alone = ("all-age-faces", "--root", photos, "--protocol", "official")
    code, out, err = here("evaluate", "run", *alone, "--json", "--device", "cpu")
    assert json.loads(out)["metrics"]["mae"] == pytest.approx(
        parts["all-age-faces"]["mae"], abs=1e-4
    )


@pytest.mark.slow
def test_a_part_that_changed_is_named_at_resume(here: Here, photos: Path, tmp_path: Path) -> None:
    own = tmp_path / "split.csv"
    rows = [f"{path.name},{('train', 'val', 'test')[k % 3]}"
            for k, path in enumerate(sorted((photos / "original images").iterdir()))]  # fmt: skip
    own.write_text("\n".join(["path,split", *rows]), encoding="utf-8")
    split = (*where(photos)[:-1], f"all-age-faces={own}")
    code, _, err = here("train", "sord-resnet10-tiny", *split, *SMALL, "--out", "run")
    assert code == 0, err
    own.write_text(own.read_text("utf-8").replace("train", "test", 1), encoding="utf-8")
    code, _, err = here("train", "--resume", "run")
    assert code == 1
    assert "the data of all-age-faces:split changed since this run began" in err
