"""Draws the picture of synthfaces: a row a person, a column an age.

python docs/draw_faces.py docs/images/synthfaces.jpg
"""

from __future__ import annotations

import sys

import numpy as np
from agekit_synthfaces import draw, person
from PIL import Image

PEOPLE = (0, 2, 8, 10)
AGES = (1, 5, 10, 16, 25, 40, 55, 70, 85)


def main() -> None:
    """Writes the picture to the path on the command line."""
    rows = [np.hstack([draw(person(0, index), age, 112, None) for age in AGES]) for index in PEOPLE]
    Image.fromarray(np.vstack(rows)).save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()
