"""Why a cell failed: from an exception, or from how its process ended."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from agekit.errors import AgekitError, TrainingError, causes, lacks_memory, one_line

__all__ = ["Kind", "classify", "ended", "last_lines", "oom_kills", "plain"]

Kind = Literal["raised", "memory", "diverged", "killed", "timeout"]

_PATH = re.compile(r"""(?<![\w.~:/])(/[^\s/:'",()]+){3,}""")
_COUNTERS = ("/sys/fs/cgroup/memory.events", "/proc/vmstat")


def classify(error: BaseException) -> tuple[Kind, str]:
    """The kind of a failure, and one line about it.

    Memory is lacking where a `MemoryError`, or torch saying so for a CPU or a GPU, is the error or
    what it came from. Diverged is a training that stopped for a number that is not finite.
    """
    for cause in causes(error):
        lowered = str(cause).lower()
        if lacks_memory(cause):
            return "memory", _line(cause)
        if isinstance(cause, TrainingError) and "not finite" in lowered:
            return "diverged", _line(cause)
    return "raised", _line(error)


def ended(code: int, killed_before: int, killed_now: int) -> tuple[Kind, str]:
    """The failure of a process that left no word.

    Args:
        code: its exit code, negative for a signal.
        killed_before: `oom_kills` when it began.
        killed_now: and when it ended.
    """
    if code >= 0:
        return "raised", f"the process ended with exit code {code}"
    name = str(-code)
    with suppress(ValueError):
        name = signal.Signals(-code).name
    if name == "SIGKILL" and killed_now > killed_before:
        return "memory", "the kernel killed the process for want of memory (SIGKILL)"
    hint = "; the kernel does so for want of memory" if name == "SIGKILL" else ""
    return "killed", f"the process was killed by {name}{hint}"


def oom_kills() -> int:
    """The number of processes that the kernel killed for want of memory, as far as it tells."""
    total = 0
    for counter in _COUNTERS:
        with suppress(OSError, ValueError):
            for line in Path(counter).read_text(encoding="ascii").splitlines():
                key, _, value = line.partition(" ")
                if key == "oom_kill":
                    total += int(value)
    return total


def last_lines(path: Path, most: int) -> list[str]:
    """The lines in the last bytes of a file, the first of them cut off; none if it is not there.

    Args:
        path: the file, which may be growing.
        most: how many bytes.
    """
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - most))
            return file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []


def _line(error: BaseException) -> str:
    if isinstance(error, AgekitError):
        return error.message
    text = one_line(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def plain(text: str, names: Mapping[str, str]) -> str:
    """A text for a result: without the folders of this machine.

    Args:
        text: what is to be kept.
        names: of folders, and what is written in their place; of others the last two parts stay.
    """
    for name in sorted(names, key=len, reverse=True):
        if len(name) > 1 and name != "None":
            text = text.replace(name, names[name])
    return _PATH.sub(lambda found: "..." + "/".join(["", *found[0].split("/")[-2:]]), text)
