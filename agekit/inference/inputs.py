"""Images to look at: what a user names - files, folders, patterns - and their reading ahead."""

from __future__ import annotations

import glob
import os
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agekit._paths import nearest_path
from agekit.data.images import ImageLike, is_path, path_of, read_image
from agekit.data.notes import tell
from agekit.data.scan import left_out, scan, split_images
from agekit.errors import DataError, counted

__all__ = ["ImageFile", "Picture", "find_images", "read_ahead", "unreadable"]


@dataclass(frozen=True, eq=False)
class Picture:
    """An image that was read, or why it could not be.

    Attributes:
        name: its path, or that of an open file; empty for one that came in memory.
        pixels: (H, W, 3) uint8, upright, RGB; None if it could not be read.
        error: why it could not be read, or None.
        source: the image as it was given; None if it came out of a generator.
    """

    name: str
    pixels: NDArray[np.uint8] | None
    error: str | None = None
    source: ImageLike | None = None


class ImageFile(NamedTuple):
    """An image on disk.

    Args:
        path: where it is, as the user's own words lead there.
        name: what is left of the path below the folder or the pattern that found it, with forward
            slashes; of a file named itself, its file name.
    """

    path: str
    name: str


def find_images(inputs: Iterable[str]) -> list[ImageFile]:
    """The images of files, folders and patterns, in the order given.

    Args:
        inputs: a file is taken whatever it is, and so is a path where nothing lies; a folder
            stands for all images below it, sorted, hidden ones left out; a pattern (``*``, ``?``,
            ``[...]``, and ``**`` for any folders) for the images, and those in the folders, that
            it matches, sorted, each once. A file without a suffix is an image if it begins as
            one. How many of which other files were left out is told.

    Raises:
        DataError: a folder holds no image or cannot be read, or a pattern matches none.
    """
    found: list[ImageFile] = []
    for given in inputs:
        if os.path.isdir(given):
            images, others = _below(given)
            if not images:
                raise _nothing(f"{given}: there is no image in this folder", others)
        elif glob.has_magic(given) and not os.path.lexists(given):
            images, others = _matches(given)
            if not images:
                raise _nothing(f"{given!r} matches no image", others)
        else:
            images, others = [ImageFile(given, Path(given).name or "image")], []
        found += images
        if others:
            tell(f"{given}: {left_out(others)}")
    return found


def unreadable(paths: Iterable[str]) -> dict[str, str]:
    """The paths at which nothing lies, each with the error that reading it would give."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            os.stat(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", error)
            found[path] = f"{path}: cannot be read: {why}{nearest_path(path)}"
    return found


_HINT = "images are files that end in .jpg, .png, .webp, .avif, .bmp, .gif, .tif, .ppm and the like"


def _nothing(what: str, others: list[str]) -> DataError:
    told = f": {left_out(others)}" if others else ""
    return DataError(what + told, _HINT)


def _below(folder: str) -> tuple[list[ImageFile], list[str]]:
    """The images below a folder, and the other files."""
    found = scan(Path(folder))
    names, others = split_images(found.root, found.files)
    if found.folder_links:
        are = counted(len(found.folder_links), "link to a folder is", "links to folders are")
        tell(f"{folder}: {are} not followed")
    return [ImageFile(str(Path(folder, name)), name) for name in names], others


def _matches(pattern: str) -> tuple[list[ImageFile], list[str]]:
    """The images that a pattern matches, and those in the folders; and the other files."""
    fixed: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    start = Path(*fixed)
    matches = glob.glob(pattern, recursive=True)
    files = [str(Path(match)) for match in matches if not os.path.isdir(match)]
    names, others = split_images(Path(), files)
    paths = {*names}
    for folder in filter(os.path.isdir, matches):
        images, left = _below(folder)
        paths.update(image.path for image in images)
        others += [str(Path(folder, name)) for name in left]
    images = [ImageFile(path, Path(path).relative_to(start).as_posix()) for path in sorted(paths)]
    return images, sorted({*others})


def read_ahead(images: Iterable[ImageLike]) -> Iterator[Picture]:
    """Reads images, in order, files in threads; few photos are in memory at once.

    A file that comes alone is read without a thread, which would cost more than the reading.

    Args:
        images: as `agekit.data.images.several` gives them; those in memory are read as they come,
            so that their owner may change them afterwards.
    """
    threads = min(4, os.cpu_count() or 1)
    read = partial(_read, keep=isinstance(images, Sized))
    waiting: deque[Future[Picture]] = deque()
    pool = ThreadPoolExecutor(threads)
    alone: ImageLike | None = None
    try:
        for number, image in enumerate(images):
            if alone is not None:
                waiting.append(pool.submit(read, alone, 0))
                alone = None
            if is_path(image) and number == 0:
                alone = image
            elif is_path(image):
                waiting.append(pool.submit(read, image, number))
            else:
                waiting.append(Future())
                waiting[-1].set_result(read(image, number))
            # Twice as many as threads: none waits for the model, and few photos are in memory.
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        if alone is not None:
            yield read(alone, 0)
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(image: ImageLike, number: int, keep: bool) -> Picture:
    picture = Picture(path_of(image), None, source=image if keep or is_path(image) else None)
    try:
        return replace(picture, pixels=read_image(image, None, f"images[{number}]"))
    except DataError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return replace(picture, error=error.message + hint)
