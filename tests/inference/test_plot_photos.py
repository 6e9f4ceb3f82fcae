from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agekit.errors import DataError
from agekit.inference.draw import COLOURS, draw_faces
from agekit.inference.face import Face
from agekit.inference.prediction import Prediction
from agekit.inference.saving import JPEG_SUFFIXES, result_paths, save_picture

GREY = 128


def grey(width, height):
    return np.full((height, width, 3), GREY, np.uint8)


def face(*box, age=31.4):
    return Face(age, (25.0, 40.0), box)


def places(image, colour):
    """The extent (x0, y0, x1, y1) of a colour of `COLOURS` in an image."""
    rgb = [int(COLOURS[colour][k : k + 2], 16) for k in (1, 3, 5)]
    rows, columns = np.nonzero((np.asarray(image) == rgb).all(2))
    return columns.min(), rows.min(), columns.max(), rows.max()


@pytest.mark.parametrize("size", [(400, 300), (1000, 800), (4000, 3000), (2400, 300)])
def test_a_box_with_a_label_above_it_of_a_size_to_be_read(size):
    width, height = size
    box = (0.3 * width, 0.4 * height, 0.3 * width + 90, 0.4 * height + 100)
    image = draw_faces(grey(*size), [face(*box)])
    assert image.size == size
    x0, y0, x1, y1 = places(image, 0)
    thick = max(4, max(size) / 130)
    assert x0 == pytest.approx(box[0], abs=thick)
    assert y1 == pytest.approx(box[3], abs=thick)
    assert max(12, 0.013 * min(max(size), 3 * min(size))) <= box[1] - y0 <= 0.1 * height
    assert x1 >= box[2] - thick


def test_a_small_photo_is_enlarged_and_the_box_with_it():
    image = draw_faces(grey(60, 48), [face(10, 20, 50, 40)])
    assert image.size == (360, 288)
    x0, _, x1, y1 = places(image, 0)
    assert (x0, x1, y1) == pytest.approx((60, 300, 240), abs=4)


@pytest.mark.parametrize(
    "box", [(0, 0, 60, 70), (340, 0, 400, 70), (0, 230, 60, 300), (340, 230, 400, 300)]
)
def test_labels_at_the_border_are_whole(box):
    middle = places(draw_faces(grey(400, 300), [face(170, 115, 230, 185)]), 0)
    corner = places(draw_faces(grey(400, 300), [face(*box)]), 0)
    assert corner[2] - corner[0] == pytest.approx(middle[2] - middle[0], abs=3)
    assert corner[3] - corner[1] == pytest.approx(middle[3] - middle[1], abs=3)


def test_near_faces_have_colours_of_their_own():
    boxes = [(20 + 60 * k, 100, 60 + 60 * k, 150) for k in range(6)]
    image = np.asarray(draw_faces(grey(400, 300), [face(*box) for box in boxes]))
    seen = {tuple(image[148 - row, x]) for x in range(400) for row in range(3)}
    wanted = {tuple(int(c[k : k + 2], 16) for k in (1, 3, 5)) for c in COLOURS}
    assert len(seen & wanted) == 6


def test_a_photo_without_a_face_says_so():
    image = np.asarray(draw_faces(grey(400, 300), []))
    assert (image[:20, :80] == 255).all(2).any()
    assert (image[40:] == GREY).all()


def test_several_faces_are_numbered_and_one_is_not(tmp_path):
    photo = tmp_path / "photo.png"
    Image.fromarray(grey(400, 300)).save(photo)
    faces = [face(50, 100, 120, 180), face(250, 100, 320, 180)]
    for some, numbers in ((faces, (1, 2)), (faces[:1], None)):
        drawn = Prediction(str(photo), tuple(some)).plot()
        assert drawn.tobytes() == draw_faces(grey(400, 300), some, numbers).tobytes()


def test_a_photo_of_very_many_faces():
    rng = np.random.default_rng(0)
    faces = [face(x, y, x + 20, y + 20) for x, y in rng.uniform(0, 600, (150, 2))]
    assert draw_faces(grey(640, 640), faces).size == (640, 640)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jpg", "JPEG"), ("a.JPEG", "JPEG"), ("a.png", "PNG")]
)
def test_the_picture_is_upright_and_of_the_kind_its_name_says(tmp_path, name, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (400, 300), "green").save(photo, exif=exif)
    before = photo.read_bytes()
    target = tmp_path / "deep" / name
    save_picture(target, Prediction(str(photo), (face(50, 100, 200, 300),)).plot())
    with Image.open(target) as image:
        assert (image.format, image.size) == (kind, (300, 400))
        assert image.getexif().get(0x0112, 1) == 1
    assert photo.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == [name]
    with pytest.raises(DataError, match="No such file"):
        Prediction(str(tmp_path / "none.png"), ()).plot()


def test_pictures_are_named_as_the_photos_and_never_twice():
    names = ["a.jpg", "deep/a.jpg", "a.png", "a.webp", "A.JPG", "b.c.tif", "a.jpg", "bare"]
    expected = ["a.jpg", "deep/a.jpg", "a.png", "a-2.png", "A-2.JPG", "b.c.png", "a-3.jpg"]
    suffixes = {*JPEG_SUFFIXES, ".png"}
    paths = result_paths(Path("out"), names, suffixes)
    assert paths == [Path("out", n) for n in [*expected, "bare.png"]]
    assert result_paths(Path("out"), ["a/../../b.png"], suffixes) == [Path("out/b.png")]
    paths = result_paths(Path("out"), ["a.jpg", "a.png", "b.PNG"], JPEG_SUFFIXES, "-old")
    assert paths == [Path("out", n) for n in ["a-old.jpg", "a-old-2.png", "b-old.png"]]
