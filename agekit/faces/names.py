"""What the chips of pictures are called."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

__all__ = ["chip_names", "readable"]


def chip_names(names: Sequence[str], ending: str) -> list[str]:
    """The path of each picture's chip: the picture's own with another ending.

    Pictures whose names differ only in the ending, or in the case of letters, get a folder each
    that is called after the ending: ``a.png`` and ``a.bmp`` become ``png/a.jpg`` and ``bmp/a.jpg``.
    So the file's name without its ending, which some protocols split by, is always the picture's.

    Args:
        names: paths with forward slashes, each once.
        ending: of the chips, with its dot.

    Returns:
        As many paths, different from each other even where case does not count.
    """
    paths = [PurePosixPath(readable(name)) for name in names]
    wanted = [str(path.with_name(path.stem + ending)) for path in paths]
    count = Counter(name.casefold() for name in wanted)
    taken = {name for name, times in count.items() if times == 1}
    for i, path in enumerate(paths):
        if count[wanted[i].casefold()] == 1:
            continue
        folder = path.suffix[1:] or "other"
        while (name := str(path.parent / folder / (path.stem + ending))).casefold() in taken:
            folder += "_"
        taken.add(name.casefold())
        wanted[i] = name
    return wanted


def readable(name: str) -> str:
    """The name as text that any file can hold; names that are not UTF-8 are taken as Latin-1."""
    data = os.fsencode(name)
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
