"""Drawn faces as image files."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from agekit_synthfaces.face import draw, person

__all__ = ["write_face"]


def write_face(path: Path, age: float = 30, seed: int = 0, size: int = 48) -> Path:
    """Draws the face of person `seed` at `age` into a file; its ending chooses the format.

    Args:
        path: the file; its folders are made.
        age: years.
        seed: which person.
        size: side in pixels.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(draw(person(0, seed), age, size))
    if path.suffix.lower() in (".jpg", ".jpeg"):
        picture.save(path, "JPEG", quality=90)
    else:
        picture.save(path)
    return path
