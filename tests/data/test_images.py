from __future__ import annotations

import io
import os

import numpy as np
import pytest
import torch
from PIL import Image

from agekit.data.images import read_image, several
from agekit.errors import ConfigError, DataError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (9, 7, 3), np.uint8)
GREY = RNG.integers(0, 256, (9, 7), np.uint8)
TENSOR = torch.from_numpy(PIXELS)
CHW = TENSOR.permute(2, 0, 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "a.png"
    Image.fromarray(PIXELS).save(path)
    return path


def read(images):
    return [read_image(image, None, "image") for image in several(images)]


class Place:
    """A path of another library's."""

    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return os.fsencode(self.path)


def written(path):
    """A file in memory that was written just now, and stands at its end."""
    file = io.BytesIO()
    file.write(path.read_bytes())
    return file


class Stream:
    """A response: bytes that come once."""

    def __init__(self, path):
        self.data = path.read_bytes()

    def read(self):
        return self.data


FILES = [
    str,
    lambda path: path,
    Place,
    lambda path: path.read_bytes(),
    lambda path: bytearray(path.read_bytes()),
    lambda path: memoryview(path.read_bytes()),
    lambda path: io.BytesIO(path.read_bytes()),
    written,
    Stream,
    Image.open,
    lambda path: (os.fspath(path),),
    lambda path: {path},
    lambda path: {"a": path}.values(),
    lambda path: (part for part in [path]),
    lambda path: np.array([str(path)]),
    lambda path: np.array([path, None])[:1],
]
ARRAYS = [
    PIXELS,
    PIXELS[:, ::-1][:, ::-1],
    np.asfortranarray(PIXELS),
    PIXELS[None],
    [PIXELS],
    Image.fromarray(PIXELS),
    PIXELS / 255,
    (PIXELS / 255).astype(np.float16),
    PIXELS / 255 + 1e-7,
    np.dstack([PIXELS, np.full((9, 7), 255, np.uint8)]),
    TENSOR,
    CHW,
    CHW[None],
    TENSOR[None],
    CHW / 255,
    (TENSOR / 255).half(),
    (CHW / 255).double().requires_grad_(),
]
NO_IMAGES = [
    None,
    3,
    1.5,
    object(),
    {"a.png": 1},
    [None],
    ["a.png", 7],
    [["a.png"]],
    PIXELS.tolist(),
    io.StringIO("a.png"),
    io.BytesIO,
    np.uint8(3),
    PIXELS[0, 0],
    PIXELS[:0],
    PIXELS[..., :2],
    PIXELS.transpose(2, 0, 1),
    PIXELS.astype(int),
    PIXELS.astype(object),
    PIXELS.astype(np.uint16),
    PIXELS > 3,
    PIXELS / 255 + 0j,
    PIXELS / 1.0,
    PIXELS / -255,
    PIXELS / 255 * np.nan,
    np.where(PIXELS > 99, np.inf, 0.5),
    PIXELS[None, None],
    TENSOR[None, None],
    TENSOR.int(),
    TENSOR > 3,
    CHW.float(),
    (CHW / 255).to_sparse(),
    torch.zeros(3, 9, 3),
    torch.zeros(4, 9, 7, 2),
    torch.zeros((3, 9, 7), device="meta"),
    torch.tensor(3),
]


@pytest.mark.parametrize("given", FILES)
def test_files_in_every_form_are_one_image(path, given):
    (pixels,) = read(given(path))
    assert (pixels == PIXELS).all()


@pytest.mark.parametrize("given", ARRAYS)
def test_arrays_and_tensors_are_the_image_they_hold(given):
    (pixels,) = read(given)
    assert pixels.dtype == np.uint8
    assert (pixels == PIXELS).all()


@pytest.mark.parametrize(
    "given",
    [GREY, GREY[..., None], GREY / 255, torch.from_numpy(GREY), torch.from_numpy(GREY)[None]],
)
def test_grey_images(given):
    (pixels,) = read(given)
    assert (pixels == GREY[..., None]).all()


def test_batches_and_lists_of_many(path):
    for images in (np.stack([PIXELS] * 3), torch.stack([CHW] * 3) / 255, [PIXELS, path, CHW]):
        assert [(pixels == PIXELS).all() for pixels in read(images)] == [True] * 3
    assert read([]) == read(np.zeros((0, 9, 7, 3))) == []


@pytest.mark.parametrize("given", NO_IMAGES)
def test_anything_else_is_refused_at_once(given):
    with pytest.raises(ConfigError, match="is no image") as refused:
        several(given)
    assert "an image is a path" in refused.value.hint


def test_files_in_text_mode_and_asynchronous_ones_are_refused(path):
    class Upload:
        async def read(self):
            return b""

    with open(path, encoding="latin-1") as file:
        for given in (file, [file], Upload(), [Upload()]):
            with pytest.raises(ConfigError, match="is no image"):
                several(given)


def test_a_generator_is_refused_where_it_goes_wrong(path):
    images = iter(several(part for part in [path, 7]))
    assert next(images) == path
    with pytest.raises(ConfigError, match=r"images\[1\]: an object of type int is no image"):
        next(images)


def test_open_files_are_named_and_read_again(path, tmp_path):
    with open(path, "rb") as file:
        assert all((pixels == PIXELS).all() for pixels in read([file, file]))
    with pytest.raises(DataError, match=r"a\.png: cannot be read: .*closed"):
        read([file])
    (tmp_path / "b.png").write_bytes(b"none")
    with (
        open(tmp_path / "b.png", "rb") as file,
        pytest.raises(DataError, match=r"b\.png: not an image"),
    ):
        read(file)
    with pytest.raises(DataError, match="cannot be read: embedded null"):
        read("a\0.png")


def test_exif_is_trusted_of_images_straight_from_a_file_alone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(PIXELS).transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        by_hand = image.transpose(Image.Transpose.ROTATE_270)
        for given in (tmp_path / "a.png", image, by_hand):
            assert (read(given)[0] == PIXELS).all()
