"""Draws the picture of the default ager: a row a drawn person, as drawn and at other ages.

python docs/draw_aging.py docs/images/aging.jpg
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from agekit_synthfaces import draw, person
from PIL import Image

PEOPLE = ((1, 30), (4, 22), (6, 35), (8, 60))
AGES = "10,30,50,70"


def main() -> None:
    """Writes the picture to the path on the command line."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        names = [f"{index}.png" for index, _ in PEOPLE]
        for name, (index, age) in zip(names, PEOPLE, strict=True):
            Image.fromarray(draw(person(0, index), age, 256, None)).save(folder / name)
        subprocess.run(["agekit", "age", *names, "--to", AGES], cwd=folder, check=True)
        strips = sorted((folder / "aged").glob("*side-by-side*"), key=lambda p: int(p.name[0]))
        rows = [np.asarray(Image.open(strip).convert("RGB")) for strip in strips]
        Image.fromarray(np.vstack(rows)).save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()
