"""Structs in Matlab files, as the authors of several datasets ship their labels."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import DataError

__all__ = ["numbers", "read_struct", "texts"]

_CHILD = Path(__file__).with_name("matlab_child.py")
_MEMORY = 8 << 30
"""Bytes that the reader may have at least; that of IMDB-WIKI needs 1.5 GB."""
_TIMES = 50
"""What the reader may have for each byte of a large file."""
_SECONDS = 60
_SECONDS_PER_MB = 5


def read_struct(
    path: Path, name: str, fields: Sequence[str], source: str
) -> dict[str, NDArray[Any]]:
    """Reads fields of a struct, each with one value for each of N rows.

    The file is read by another process, see `matlab_child`, whose memory and time are bounded:
    damage may crash SciPy's reader.

    Args:
        path: the file, of a version before 7.3.
        name: the variable that is the struct.
        fields: which fields.
        source: where to get the file anew.

    Returns:
        The fields by name, (N,): float64, or of cells, arrays of objects for `texts`.

    Raises:
        DataError: the file is damaged or of another version, or has no such struct.
    """
    again = f"get the file again from {source}"
    try:
        size = path.stat().st_size
        answer = _ask(path, name, fields, size)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}", again) from None
    if "error" in answer:
        hint = f"{again}, or save it in Matlab with the option -v7" if "old" in answer else again
        raise DataError(f"{path}: {answer['error']}", hint)
    return {field: _array(column) for field, column in answer["columns"].items()}


def _ask(path: Path, name: str, fields: Sequence[str], size: int) -> dict[str, Any]:
    """What the other process says; an error too where it says nothing."""
    seconds = _SECONDS + int(_SECONDS_PER_MB * size / 1e6)
    memory = max(_MEMORY, _TIMES * size)
    code, answer = _reader.ask([str(path), name, list(fields), memory, seconds])
    if code == -signal.SIGALRM:
        return {"error": f"a damaged Matlab file: it cannot be read in {seconds} seconds"}
    try:
        told: dict[str, Any] = json.loads(answer)
    except ValueError:
        ended = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return {"error": f"a damaged Matlab file: its reader crashed ({ended})"}
    return told


class _Reader:
    """The process that reads Matlab files; started when it is needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, request: list[Any]) -> tuple[int, bytes]:
        """The exit code of what read the file, and its answer."""
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            for running in (self._running(), None):
                process = running or self._start()
                assert process.stdin is not None and process.stdout is not None
                with suppress(BrokenPipeError):
                    process.stdin.write(line)
                    process.stdin.flush()
                if head := process.stdout.readline():
                    code, size = json.loads(head)
                    return code, process.stdout.read(size)
        raise OSError(f"{_CHILD.name} does not run: exit code {process.wait()}")

    def _running(self) -> subprocess.Popen[bytes] | None:
        """The process, if it is this one's and has not ended."""
        mine = self._process if self._owner == os.getpid() else None
        return mine if mine is not None and mine.poll() is None else None

    def _start(self) -> subprocess.Popen[bytes]:
        self.close()
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        return self._process

    def close(self) -> None:
        """Ends the process, if it is this one's."""
        process, self._process = self._process, None
        if process is not None and self._owner == os.getpid():
            assert process.stdin is not None and process.stdout is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.stdout.close()
            process.wait()


_reader = _Reader()
atexit.register(_reader.close)


def _array(column: list[Any]) -> NDArray[Any]:
    if column and isinstance(column[0], str):
        return np.array([*column, None], object)[:-1]
    return np.array(column, np.float64)


def numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    """A field of numbers, (N,) float64; NaN throughout if it holds something else."""
    if column.dtype.kind == "f":
        return column.astype(np.float64)
    return np.full(len(column), np.nan)


def texts(column: NDArray[Any]) -> list[str]:
    """The texts in a field of N cells; "" for an empty cell or one that holds no text."""
    return [cell if isinstance(cell, str) else "" for cell in column.tolist()]
