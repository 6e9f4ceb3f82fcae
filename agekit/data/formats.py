"""The formats of image files: by their first bytes, and by their names."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from agekit.errors import DataError
from agekit.extras import install_command

__all__ = ["HEIC_HINT", "HEIC_SUFFIXES", "has_image", "is_image", "kind_of", "reader_of"]

HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
HEIC_HINT = f"{install_command('heic')} to read it, or convert it to JPEG"

_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"}
    | {".webp", ".avif", ".jfif", ".jfi", ".jif", ".jpe", ".pjpeg", ".pjp"}
)
_READERS: tuple[tuple[tuple[bytes, ...], type[ImageFile.ImageFile]], ...] = (
    ((b"\xff\xd8\xff",), JpegImagePlugin.JpegImageFile),
    ((b"\x89PNG\r\n\x1a\n",), PngImagePlugin.PngImageFile),
    ((b"RIFF",), WebPImagePlugin.WebPImageFile),
    ((b"BM",), BmpImagePlugin.BmpImageFile),
    ((b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    ((b"II*\0", b"MM\0*"), TiffImagePlugin.TiffImageFile),
    ((b"P1", b"P2", b"P3", b"P4", b"P5", b"P6"), PpmImagePlugin.PpmImageFile),
)
_AVIF = frozenset({b"avif", b"avis"})
_HEIC = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})
_OTHERS = (
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (b"8BPS", "a Photoshop image"),
    (b"%PDF", "a PDF document"),
    (b"<svg", "an SVG drawing"),
    (b"<!", "a page of the web, not the file itself"),
    (b"<html", "a page of the web, not the file itself"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself (git lfs pull)"),
)
_HEAD = 64
"""Bytes by which a file without a suffix is known."""


def reader_of(data: bytes, name: str) -> Callable[[BytesIO], ImageFile.ImageFile]:
    """The reader that opens an image, known by its first bytes.

    Raises:
        DataError: it is of no format that is read here.
    """
    for magics, reader in _READERS:
        if data.startswith(magics):
            return reader
    brands = _brands(data)
    if brands & _AVIF:
        return AvifImagePlugin.AvifImageFile
    if brands & _HEIC:
        return _heic_reader(name)
    kind = "a video, which agekit-video reads" if brands else _other(data)
    raise DataError(
        f"{name}: not an image agekit reads{kind and f': {kind}'}",
        "use JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF, PNM, or HEIC with agekit[heic]",
    )


def is_image(path: str) -> bool:
    """True if the ending is that of an image that is read here."""
    suffix = os.path.splitext(path)[1].lower()
    return suffix in _SUFFIXES or (suffix in HEIC_SUFFIXES and _reads_heic())


def has_image(path: str | os.PathLike[str]) -> bool:
    """True if a file's first bytes are those of an image that is read here."""
    try:
        with open(path, "rb") as file:
            head = file.read(_HEAD)
        reader_of(head, "")
    except (OSError, DataError):
        return False
    sure = not head.startswith((b"RIFF", b"BM", b"P"))
    binary = head[:2] == b"BM" and head[6:10] == bytes(4)
    netpbm = head[:1] == b"P" and head[2:3].isspace()
    return sure or binary or netpbm or head[8:12] == b"WEBP"


def kind_of(path: str | os.PathLike[str]) -> str:
    """Such as "an image" or "a PDF document", by a file's first bytes; "" if they do not say."""
    with open(path, "rb") as file:
        return "an image" if has_image(path) else _other(file.read(_HEAD))


def _other(data: bytes) -> str:
    return next((kind for magic, kind in _OTHERS if data.startswith(magic)), "")


def _brands(data: bytes) -> set[bytes]:
    """The brands of an ISO base media file (ISO/IEC 14496-12, 4.3), the major one among them."""
    if data[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(data[:4]), _HEAD)
    return {data[k : k + 4] for k in range(8, end - 3, 4) if k != 12}


def _reads_heic() -> bool:
    return find_spec("pillow_heif") is not None


def _heic_reader(name: str) -> Callable[[BytesIO], ImageFile.ImageFile]:
    try:
        from pillow_heif import HeifImageFile  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        raise DataError(f"{name}: a HEIC image, which needs pillow-heif", HEIC_HINT) from None
    opens: Callable[[BytesIO], ImageFile.ImageFile] = HeifImageFile
    return opens
