from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from agekit.data.decode import decode
from agekit.data.formats import has_image, is_image, reader_of
from agekit.errors import DataError

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def encoded(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (24, 16), "red").save(file, kind, **options)  # type: ignore[arg-type]
    return file.getvalue()


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "avif", "bmp", "gif", "tiff", "ppm"])
def test_formats_are_told_by_their_content(tmp_path: Path, kind: str) -> None:
    (tmp_path / "photo").write_bytes(encoded(kind))
    assert has_image(tmp_path / "photo")
    assert decode(tmp_path / "photo", None).shape == (16, 24, 3)


def test_avif_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode(encoded("avif", exif=exif.tobytes()), None).shape == (24, 16, 3)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (HEIC, "a HEIC image, which needs pillow-heif"),
        (HEIC.replace(b"heic", b"mif1"), "a HEIC image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image"),
        (b"\xff\x0a\xfa", "a JPEG XL image"),
        (b"%PDF-1.7", "a PDF document"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isomavc1", "not an image agekit reads"),
        (b"\0\0\0\0ftyp", "not an image agekit reads"),
        (b"hello", "not an image agekit reads"),
    ],
)
def test_others_are_named(monkeypatch: pytest.MonkeyPatch, data: bytes, told: str) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(DataError, match=told) as caught:
        reader_of(data, "x")
    assert "agekit[heic]" in caught.value.hint


@pytest.mark.parametrize("data", [b"", b"RIFF\0\0\0\0WAVE", b"BMW and others", b"P5-report", b"PK"])
def test_texts_and_sounds_without_a_suffix_are_no_images(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    assert not has_image(tmp_path / "x")
    assert not has_image(tmp_path / "gone")


def test_endings() -> None:
    for ending in ("jpg", "JPG", "jfif", "jpe", "avif", "webp", "tif"):
        assert is_image(f"a/b.{ending}")
    for name in ("a.txt", "a", "jpg", ".jpg", "a.jxl", "a.dng"):
        assert not is_image(name)


def test_heic(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 32), "red")).save(file)
    (tmp_path / "x.heic").write_bytes(file.getvalue())
    assert is_image("x.heic")
    pixels = decode(tmp_path / "x.heic", None)
    assert pixels.shape == (32, 64, 3) and pixels[16, 32, 0] > 200 > 80 > pixels[16, 32, 1]
