"""Images found by their names, in whatever folders they lie."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

from agekit.plugin import is_image

__all__ = ["Pictures", "folder_split"]

_SPLIT = re.compile(r"train|val|test", re.IGNORECASE)


class Pictures:
    """The images among files, by name without ending and without regard to case.

    Args:
        files: paths below the root, with forward slashes; those of no image are left out.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._places: dict[str, list[str]] = {}
        for path in files:
            if is_image(path):
                self._places.setdefault(_stem(path), []).append(path)
        for places in self._places.values():
            places.sort(key=lambda path: (len(path), path))

    def named(self, name: str) -> Sequence[str]:
        """The images of that name, those with the shortest path first.

        Args:
            name: with or without folders and ending; none is found for one that climbs out of a
                folder or begins at the disk's root.
        """
        plain = name.replace("\\", "/")
        if plain.startswith("/") or ".." in plain.split("/"):
            return ()
        return self._places.get(_stem(plain), ())

    def of_split(self, name: str, split: str) -> str | None:
        """The image of that name in a folder of the split, else in a folder of no split.

        Args:
            name: as in `named`.
            split: ``train``, ``val`` or ``test``; "" takes the first one in any folder.
        """
        places = self.named(name)
        if not split:
            return places[0] if places else None
        for wanted in (split, ""):
            for path in places:
                if folder_split(path) == wanted:
                    return path
        return None


def folder_split(path: str) -> str:
    """The split that the innermost folder named for one stands for, "" where none is.

    ``Train/``, ``train_1/``: ``train``; ``valid/``, ``Validation/``: ``val``; ``Test/``: ``test``.
    """
    for folder in reversed(path.split("/")[:-1]):
        if match := _SPLIT.match(folder):
            return match[0].lower()
    return ""


def _stem(path: str) -> str:
    name = path.rpartition("/")[2]
    return os.path.splitext(name)[0].lower() if is_image(name) else name.lower()
