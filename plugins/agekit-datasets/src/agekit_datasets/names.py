"""Datasets whose labels stand in the images' names."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from agekit.plugin import Rows, is_image

__all__ = ["add_named"]


def add_named(
    rows: Rows,
    pattern: re.Pattern[str],
    labels: Callable[[re.Match[str]], Mapping[str, Any]],
) -> None:
    """Adds every image below the root whose path matches a pattern.

    Images that do not match, and those whose matched part another image has in another folder,
    are told as problems; files that are no images are none of the dataset's rows.

    Args:
        rows: where to add them.
        pattern: searched for in the path below the root.
        labels: what `Rows.add` takes beside the path, from the match.
    """
    seen: dict[str, str] = {}
    for path in filter(is_image, rows.files):
        match = pattern.search(path)
        if match is None:
            rows.problem("name", path, "not named as the dataset's images are")
            continue
        first = seen.setdefault(os.path.splitext(match[0])[0].lower(), path)
        if first == path:
            rows.add(path, **labels(match))
        else:
            rows.problem("duplicate", path, f"the same as {first}")
