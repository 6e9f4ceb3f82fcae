"""Finding the image files below a folder."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agekit.data.formats import HEIC_HINT, HEIC_SUFFIXES, has_image, is_image
from agekit.errors import DataError, counted

__all__ = ["FileListing", "find_files", "left_out", "scan", "split_images"]


@dataclass
class FileListing:
    """The files below a folder, as paths with forward slashes, sorted; hidden things left out.

    Attributes:
        root: the folder.
        files: every file, and every link to one or to nothing.
        links: those that are links.
        folder_links: links to folders.
        follows: whether these were followed: where no image lies elsewhere.
    """

    root: Path
    files: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    folder_links: list[str] = field(default_factory=list)
    follows: bool = False

    def notes(self) -> Iterator[str]:
        """The notes on links, a line for each kind."""
        followed = "followed" if self.follows else "not followed"
        for links, one, more in (
            (self.links, "file is a link", "files are links"),
            (
                self.folder_links,
                f"link to a folder is {followed}",
                f"links to folders are {followed}",
            ),
        ):
            if links:
                target = os.readlink(self.root / links[0])
                yield f"{self.root}: {counted(len(links), one, more)}: {links[0]} -> {target}"


def scan(root: Path) -> FileListing:
    """Lists a folder; what is neither a file nor a folder, such as a socket, is left out.

    Links to folders are followed where there is no image elsewhere, but none within what they
    lead to, and none to a folder that holds `root`.

    Raises:
        DataError: a folder cannot be read.
    """
    found = FileListing(root)
    _walk([""], found)
    if found.folder_links and not any(map(is_image, found.files)):
        inside = Path(os.path.realpath(root))
        here = [p for p in found.folder_links if not inside.is_relative_to((root / p).resolve())]
        found.follows = bool(here)
        _walk([f"{path}/" for path in here], found)
    for names in (found.files, found.links, found.folder_links):
        names.sort()
    return found


def _walk(folders: list[str], found: FileListing) -> None:
    root = found.root
    while folders:
        start = folders.pop()
        try:
            with os.scandir(root / start) as entries:
                for entry in entries:
                    if not entry.name.startswith("."):
                        _sort(entry, start + entry.name, found, folders)
        except OSError as error:
            where = error.filename or root / start
            raise DataError(f"{where}: cannot be read: {error.strerror}") from None


def _sort(entry: os.DirEntry[str], path: str, found: FileListing, folders: list[str]) -> None:
    if entry.is_symlink():
        is_folder = os.path.isdir(entry.path)
        (found.folder_links if is_folder else found.links).append(path)
        if not is_folder and (os.path.isfile(entry.path) or not os.path.exists(entry.path)):
            found.files.append(path)
    elif entry.is_dir():
        folders.append(f"{path}/")
    elif entry.is_file():
        found.files.append(path)


def find_files(root: Path) -> list[str]:
    """Every file below `root`; see `scan`."""
    return scan(root).files


def split_images(root: Path, files: Sequence[str]) -> tuple[list[str], list[str]]:
    """The images among files, by their endings, or by their content where they have none.

    Args:
        root: the folder that the files are in.
        files: paths below it.

    Returns:
        The images, and the others.
    """
    images: list[str] = []
    others: list[str] = []
    for path in files:
        good = is_image(path) or (not _suffix(path) and has_image(root / path))
        (images if good else others).append(path)
    return images, others


def left_out(others: Sequence[str], most: int = 6) -> str:
    """The note on files that are no images: how many of each ending."""
    counts = Counter(_suffix(path) for path in others).most_common()
    shown = [f"{n:,} {suffix or 'without a suffix'}" for suffix, n in counts[:most]]
    if counts[most:]:
        shown.append(f"{sum(n for _, n in counts[most:]):,} more")
    hint = f" ({HEIC_HINT})" if HEIC_SUFFIXES & {suffix for suffix, _ in counts} else ""
    return f"left out, not read as images: {', '.join(shown)}{hint}"


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
