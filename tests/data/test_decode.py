from __future__ import annotations

import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from agekit.data.decode import MAX_PIXELS, decode, in_threads, unusable
from agekit.data.images import decode_image
from agekit.errors import DataError


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def quarters() -> NDArray[np.uint8]:
    """Red, green / blue, white."""
    image = np.zeros((32, 32, 3), np.uint8)
    image[:16, :16, 0] = image[:16, 16:, 1] = image[16:, :16, 2] = image[16:, 16:] = 255
    return image


def corners(image: NDArray[np.uint8]) -> list[list[int]]:
    k = len(image) // 4
    return [image[y, x].tolist() for y in (k, -k) for x in (k, -k)]


RED, GREEN, BLUE, WHITE = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]


def near(a: list[list[int]], b: list[list[int]], tolerance: int = 12) -> bool:
    return bool((np.abs(np.array(a) - np.array(b)) <= tolerance).all())


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
def test_every_format(kind: str) -> None:
    options = {"JPEG": {"subsampling": 0, "quality": 95}, "WEBP": {"quality": 95}}.get(kind, {})
    image = decode(encode(Image.fromarray(quarters()), kind, **options), 16)
    assert image.shape == (16, 16, 3)
    assert image.dtype == np.uint8
    assert near(corners(image), [RED, GREEN, BLUE, WHITE], 30)


def test_short_side_is_scaled_and_the_centre_cut_out() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = 200
    assert (decode(encode(Image.fromarray(wide)), 10)[:, 1:-1] > 150).all()
    tall = wide.transpose(1, 0, 2).copy()
    assert (decode(encode(Image.fromarray(tall)), 10)[1:-1] > 150).all()


def test_downscaling_is_antialiased() -> None:
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    image = decode(encode(Image.fromarray(board)), 16)
    assert np.abs(image.astype(int) - 127).max() <= 8


def test_a_large_jpeg_is_the_same_through_the_draft_mode() -> None:
    big = Image.fromarray(quarters()).resize((1024, 1024), Image.Resampling.NEAREST)
    image = decode(encode(big, "JPEG", quality=95, subsampling=0), 32)
    assert near(corners(image), [RED, GREEN, BLUE, WHITE])


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "RGBA", "CMYK"])
def test_modes_without_transparency(mode: str) -> None:
    grey = np.zeros((32, 32, 3), np.uint8)
    grey[:, 16:] = 255
    image = Image.fromarray(grey)
    data = encode(image.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    black = [0, 0, 0]
    assert near(corners(decode(data, 16)), [black, WHITE, black, WHITE], 2)


def test_adobe_cmyk_jpeg_is_not_inverted() -> None:
    data = encode(Image.fromarray(quarters()).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    assert near(corners(decode(data, 16)), [RED, GREEN, BLUE, WHITE], 40)


@pytest.mark.parametrize("mode", ["LA", "La", "RGBA", "RGBa"])
def test_alpha_may_be_multiplied_in(mode: str) -> None:
    clear = Image.new(mode[:-1] + "A", (8, 8))
    assert decode_image(clear.convert(mode), 8).min() == 255


def test_transparency_is_laid_on_white() -> None:
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[:, :16] = [255, 0, 0, 255]
    pixels[:, 16:] = [0, 0, 0, 0]
    image = decode(encode(Image.fromarray(pixels)), 16)
    assert near(corners(image), [RED, WHITE, RED, WHITE], 2)
    half = np.full((8, 8, 4), [0, 0, 0, 128], np.uint8)
    assert np.abs(decode(encode(Image.fromarray(half)), 8).astype(int) - 127).max() <= 1
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([255, 0, 0, 0, 255, 0])
    assert decode(encode(palette, transparency=0), 8).min() == 255
    assert decode(encode(palette, transparency=b"\x00\xff"), 8).min() == 255
    rgb = Image.new("RGB", (8, 8), (9, 9, 9))
    assert decode(encode(rgb, transparency=(9, 9, 9)), 8).min() == 255


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    deep = np.repeat(np.array([[0, 257 * 10, 257 * 100, 65535]], np.uint16), 4, axis=0)
    image = decode(encode(Image.fromarray(deep), kind), 4)
    assert image[0].tolist() == [[v] * 3 for v in (0, 10, 100, 255)]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_honoured(orientation: int, kind: str) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    upright = Image.fromarray(quarters())
    stored = upright
    if orientation > 1:
        stored = upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossy = {"quality": 95} | ({"subsampling": 0} if kind == "JPEG" else {})
    options = lossy if kind in ("JPEG", "WEBP") else {}
    image = decode(encode(stored, kind, exif=exif, **options), 16)
    assert near(corners(image), [RED, GREEN, BLUE, WHITE], 30)


def test_a_damaged_exif_block_does_no_harm() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a maker with a long name"
    whole = exif.tobytes()
    for cut in range(0, len(whole), 3):
        data = encode(Image.fromarray(quarters()), "JPEG", exif=whole[:cut])
        assert decode(data, 16).shape == (16, 16, 3)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


@pytest.mark.parametrize("side", [8001, 12_000, 60_000])
def test_too_many_pixels_are_refused_from_the_header(side: int) -> None:
    with pytest.raises(DataError, match=rf"bomb\.png: .* = {side * side} pixels") as caught:
        decode(png_header(side, side), 64, "bomb.png")
    assert str(MAX_PIXELS) in caught.value.message


def test_what_is_no_image_is_refused_with_the_reason(tmp_path: Path) -> None:
    whole = encode(Image.fromarray(quarters()).resize((200, 200)), "JPEG")
    png = encode(Image.fromarray(quarters()))
    for data, reason in (
        (b"", "empty"),
        (b"hello, this is text", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not an image"),
        (whole[: len(whole) // 2], "truncated or corrupt"),
        (whole[:20], "truncated or corrupt"),
        (b"\xff\xd8\xff", "truncated or corrupt"),
        (png[:60], "truncated or corrupt"),
        (png[:-30], "truncated or corrupt"),
        (b"RIFF\0\0\0\0WEBP", "truncated or corrupt"),
        (b"GIF89a\1", "truncated or corrupt"),
        (b"II*\0\0\0", "truncated or corrupt"),
        (b"P6 10 10 255\n123", "truncated or corrupt"),
    ):
        with pytest.raises(DataError, match=f"face: .*{reason}"):
            decode(data, 64, "face")
    with pytest.raises(DataError, match=r"nowhere\.jpg: cannot be read"):
        decode(tmp_path / "nowhere.jpg", 64)


def test_every_truncation_and_flipped_byte_ends_in_an_image_or_a_data_error() -> None:
    rng = np.random.default_rng(0)
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"):
        data = encode(Image.fromarray(quarters()), kind)
        for _ in range(40):
            broken = bytearray(data)
            broken[rng.integers(len(data))] = rng.integers(256)
            broken = broken[: rng.integers(1, len(data) + 1)] if rng.random() < 0.5 else broken
            with suppress(DataError):
                assert decode(bytes(broken), 8).shape == (8, 8, 3)


def test_the_filters_of_warnings_are_as_before_after_many_threads() -> None:
    data = [encode(Image.fromarray(quarters())), b"junk"] * 50

    def one(item: bytes) -> None:
        with suppress(DataError):
            decode(item, 8)

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(one, data))
    assert list(warnings.filters) == before


def test_arrays_and_pillow_images_go_the_same_way() -> None:
    image = quarters()
    expected = decode(encode(Image.fromarray(image)), 16)
    assert (decode_image(image, 16) == expected).all()
    assert (decode_image(Image.fromarray(image), 16) == expected).all()
    grey = image[:, :, 0]
    assert (decode_image(grey, 16) == decode_image(grey[:, :, None], 16)).all()
    assert decode_image(np.full((9, 9), 65535, np.uint16), 4).min() == 255
    for wrong in (image.astype(np.float32), image[..., :2], np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(DataError, match="is no image"):
            decode_image(wrong, 16)
    with pytest.raises(DataError, match=r"f\.tif: .*floating-point"):
        decode_image(Image.new("F", (8, 8)), 16, "f.tif")
    with pytest.raises(DataError, match=r"f\.tif: .*floating-point"):
        decode(encode(Image.new("F", (8, 8)), "TIFF"), 16, "f.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_whole_image_is_upright_and_neither_scaled_nor_cut(orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    wide = np.random.default_rng(0).integers(0, 256, (7, 12, 3), np.uint8)
    stored = Image.fromarray(wide)
    if orientation > 1:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    whole = decode(encode(stored, "PNG", exif=exif), None)
    assert whole.dtype == np.uint8
    assert (whole == wide).all()


def test_the_whole_image_as_rgb_on_white(tmp_path: Path) -> None:
    clear = np.zeros((4, 6, 4), np.uint8)
    clear[:, :3] = [9, 8, 7, 255]
    path = tmp_path / "clear.png"
    Image.fromarray(clear).save(path)
    whole = decode(path, None)
    assert whole.shape == (4, 6, 3)
    assert whole[0, 0].tolist() == [9, 8, 7]
    assert whole[0, 5].tolist() == WHITE
    assert (decode_image(clear, None) == whole).all()
    assert (decode_image(Image.open(path), None) == whole).all()
    assert decode(encode(Image.new("L", (3, 2), 5)), None).tolist() == [[[5] * 3] * 3] * 2


def test_whole_images_are_refused_for_the_same_reasons(tmp_path: Path) -> None:
    for data, reason in (
        (b"", "empty"),
        (b"hello, this is text", "not an image"),
        (encode(Image.fromarray(quarters()))[:60], "truncated or corrupt"),
        (png_header(8001, 8001), "the limit is"),
    ):
        with pytest.raises(DataError, match=f"photo: .*{reason}"):
            decode(data, None, "photo")
    with pytest.raises(DataError, match=r"nowhere\.jpg: cannot be read"):
        decode(tmp_path / "nowhere.jpg", None)
    with pytest.raises(DataError, match="is no image"):
        decode_image(np.full((4, 4), 2.0), None)


def test_threads_keep_the_order_and_stop_when_nobody_listens() -> None:
    done: list[int] = []

    def work(i: int) -> int:
        done.append(i)
        if i == 3:
            raise DataError("photo: no", "")
        return i * i

    results = [future.exception() or future.result() for future in in_threads(work, range(6))]
    assert [str(r) for r in results] == ["0", "1", "4", "photo: no", "16", "25"]
    done.clear()
    few = in_threads(work, range(10_000), threads=1, ahead=4)
    assert next(few).result() == 0
    few.close()
    assert len(done) < 100
    assert unusable(DataError("a.jpg: too dark"), "a.jpg") == "too dark"
    assert unusable(OSError(5, "Input/output error"), "a.jpg") == (
        "cannot be read: Input/output error"
    )
