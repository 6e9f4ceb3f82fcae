from __future__ import annotations

import io

import pytest
from PIL import Image

from agekit.errors import DataError
from agekit.inference.inputs import ImageFile, find_images


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of images among other things, in the current folder."""
    monkeypatch.chdir(tmp_path)
    names = ["b.JPG", "a.png", "note.txt", ".hidden.png", "deep/er/c.webp", "deep/a.png", "[x].png"]
    for name in names:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "photos"


ALL = ["[x].png", "a.png", "b.JPG", "deep/a.png", "deep/er/c.webp"]


def names(*inputs):
    return [image.name for image in find_images(inputs)]


def test_a_folder_stands_for_all_images_below_it(photos):
    assert names("photos") == names("photos/") == names(str(photos)) == ALL
    assert find_images(["photos/"])[1] == ImageFile("photos/a.png", "a.png")
    assert find_images([str(photos)])[1].path == str(photos / "a.png")


def test_what_is_left_out_is_told_once(photos, caplog):
    for name in ("1.HEIC", "2.heic", "3.dng", "README", "x.txt"):
        (photos / name).write_bytes(b"not an image")
    image = io.BytesIO()
    Image.new("RGB", (8, 8)).save(image, "jpeg")
    (photos / "no-suffix").write_bytes(image.getvalue())
    for ending in ("jfif", "jpe", "avif"):
        (photos / f"z.{ending}").touch()
    assert names("photos") == sorted([*ALL, "no-suffix", "z.avif", "z.jfif", "z.jpe"])
    (told,) = [record.getMessage() for record in caplog.records]
    assert "2 .heic, 2 .txt, 1 .dng, 1 without a suffix (pip install 'agekit[heic]'" in told
    caplog.clear()
    assert names("photos/*[xf]") == ["no-suffix", "z.avif", "z.jfif"]
    assert not caplog.records


def test_a_folder_of_what_is_not_read_says_so(tmp_path):
    (tmp_path / "IMG_1.HEIC").touch()
    with pytest.raises(DataError, match=r"no image in this folder: left out, .* 1 \.heic"):
        find_images([str(tmp_path)])


def test_files_are_taken_as_they_are_in_the_order_given(photos):
    given = ["photos/note.txt", "photos/a.png", "nowhere.png", "photos/a.png", "photos/[x].png"]
    found = find_images(given)
    assert [image.path for image in found] == given
    names = [image.name for image in found]
    assert names == ["note.txt", "a.png", "nowhere.png", "a.png", "[x].png"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("photos/*.png", ["[x].png", "a.png"]),
        ("photos/*", ALL),
        ("photos/**", ALL),
        ("photos/**/*.png", ["[x].png", "a.png", "deep/a.png"]),
        ("photos/d*/a.???", ["deep/a.png"]),
        ("ph*/d[e]ep", ["photos/deep/a.png", "photos/deep/er/c.webp"]),
        ("./photos/deep/*", ["a.png", "er/c.webp"]),
    ],
)
def test_a_pattern_stands_for_what_it_matches_once(photos, pattern, expected):
    assert names(pattern) == expected
    assert names(str(photos.parent / pattern)) == expected
    assert all((photos.parent / image.path).is_file() for image in find_images([pattern]))


@pytest.mark.parametrize("given", ["photos/*.gif", "none/**", "photos/*.txt", "empty"])
def test_what_holds_no_image_is_named(photos, given):
    (photos.parent / "empty").mkdir()
    with pytest.raises(DataError, match="no image") as caught:
        find_images(["photos/a.png", given])
    assert given in caught.value.message
    assert ".jpg" in caught.value.hint
