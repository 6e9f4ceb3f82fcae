"""The file that `agekit bench speed --out` writes: whether it can, and its speeds read back."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agekit.errors import ConfigError
from agekit_bench.result import Result

__all__ = ["Speeds", "check_place", "read_speeds"]

_MOST_BYTES = 16_000_000


_ANOTHER = "name another file with --out"


def check_place(out: Path) -> None:
    """Refuses a place where the document cannot be written, or would replace something else.

    Raises:
        ConfigError: it is a folder, below a file, not writable, or a file that is no such document.
    """
    if out.is_dir():
        raise ConfigError(f"--out {out} is a folder", f"name a file, such as {out / 'speed.json'}")
    if out.exists() and not _is_document(out):
        raise ConfigError(f"--out {out} is there already, and not from `bench speed`", _ANOTHER)
    above = next(place for place in out.absolute().parents if os.path.lexists(place))
    if not above.is_dir():
        raise ConfigError(f"--out {out} cannot be written: {above} is no folder", _ANOTHER)
    if not os.access(above, os.W_OK | os.X_OK):
        raise ConfigError(f"--out {out} cannot be written: {above} takes no new files", _ANOTHER)


def _is_document(path: Path) -> bool:
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return False
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, Mapping) and {"machine", "measurements"} <= found.keys()


_FILES = "speed*.json"


@dataclass(frozen=True)
class Speeds:
    """Inference of models and recipes.

    Attributes:
        machine: what was measured on, one line; empty without a file.
        path: of the file; None without one.
        rates: images a second of the best batch, by name and by side of the images in pixels.
    """

    machine: str = ""
    path: Path | None = None
    rates: Mapping[tuple[str, int], float] = field(default_factory=dict)

    def of(self, result: Result) -> float | None:
        """The speed of a result's recipe at the size of its images; None where it is not known."""
        size = result.facts.get("size")
        return self.rates.get((result.recipe_name, size)) if isinstance(size, int) else None


def read_speeds(folders: Iterable[Path], remarks: list[str]) -> Speeds:
    """Reads the first file called ``speed*.json`` in the folders, or in one of a suite below them.

    Args:
        folders: of results.
        remarks: gets a line for a file that cannot be used, and for each one that is passed over.
    """
    paths = [path for f in folders for path in sorted([*f.glob(_FILES), *f.glob(f"*/{_FILES}")])]
    for path in paths[1:]:
        remarks.append(f"{path} is passed over: speeds compare on one machine only")
    if not paths:
        return Speeds()
    rates: dict[tuple[str, int], float] = {}
    try:
        document = json.loads(paths[0].read_bytes())
        told = document["machine"]
        machine = f"{told['name']} ({told['device']})"
        for one in document["measurements"]:
            if one["phase"] == "infer" and one["images_per_second"] is not None:
                key = (str(one["name"]), int(one["size"]))
                rate = float(one["images_per_second"]["median"])
                if not 0 < rate < math.inf:
                    raise ValueError("no speed")
                rates[key] = max(rates.get(key, 0.0), rate)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        remarks.append(f"{paths[0]} holds no speeds: {type(error).__name__}")
        return Speeds()
    return Speeds(machine, paths[0], rates)
