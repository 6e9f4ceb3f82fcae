"""Reads structs of Matlab files in processes of their own, as SciPy's reader may crash.

A program: each line on stdin is a request, a JSON list of path, variable, fields, bytes of memory
and seconds. It is answered on stdout by a line, the JSON list of the reader's exit code (negative:
the signal that ended it) and of the number of bytes that follow: a JSON document
``{"columns": {field: [number or text, ...]}}``, or ``{"error": text}``, with ``"old"`` where an
older version of the format would do. It ends with stdin, or when nothing was asked for a while.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

__all__ = ["main"]

_IDLE = 30
"""Seconds without a request after which the process ends."""


def main() -> None:
    """Answers requests; each in a fork of this process, which has SciPy already."""
    import scipy.io  # type: ignore[import-untyped] # noqa: F401

    while select.select([sys.stdin], [], [], _IDLE)[0] and (line := sys.stdin.readline()):
        reads, writes = os.pipe()
        if (reader := os.fork()) == 0:
            with os.fdopen(writes, "w") as pipe:
                json.dump(_answer(*json.loads(line)), pipe)
            os._exit(0)
        os.close(writes)
        with open(reads, "rb") as pipe:
            answer = pipe.read()
        code = os.waitstatus_to_exitcode(os.waitpid(reader, 0)[1])
        sys.stdout.buffer.write(b"%s\n%s" % (json.dumps([code, len(answer)]).encode(), answer))
        sys.stdout.buffer.flush()


def _answer(path: str, name: str, fields: list[str], memory: int, seconds: int) -> dict[str, Any]:
    _limit(memory, seconds)
    try:
        return {"columns": _columns(path, name, fields)}
    except NotImplementedError:
        told = "a Matlab file of version 7.3 (HDF5), expected one of version 5 to 7"
        return {"error": told, "old": True}
    except OSError as error:
        return {"error": f"cannot be read: {error.strerror or error}"}
    except LookupError as error:
        return {"error": str(error.args[0])}
    except MemoryError:
        return {"error": f"a damaged Matlab file: it asks for more than {memory >> 20:,} MiB"}
    except Exception as error:  # of many kinds, as the damage strikes
        return {"error": f"a damaged Matlab file, or none: {error}"}


def _columns(path: str, name: str, fields: Sequence[str]) -> dict[str, list[Any]]:
    import numpy as np
    from scipy.io import loadmat

    with open(path, "rb") as file:
        try:
            struct = loadmat(file, variable_names=[name]).get(name)
        except LookupError as error:
            raise ValueError(str(error)) from None
    names = getattr(getattr(struct, "dtype", None), "names", None)
    if struct is None or names is None or struct.size != 1:
        raise LookupError(f"expected a struct {name!r}; found none")
    if missing := [field for field in fields if field not in names]:
        found = ", ".join(names)
        raise LookupError(f"{name} has no field {', '.join(missing)}; found: {found}")
    columns = {field: np.ravel(struct[field].item()) for field in fields}
    if len({len(column) for column in columns.values()}) > 1:
        shown = ", ".join(f"{field} {len(column):,}" for field, column in columns.items())
        raise LookupError(f"the fields of {name} differ in length: {shown}")
    return {field: _plain(column) for field, column in columns.items()}


def _plain(column: Any) -> list[Any]:
    """Numbers as they are; of cells the texts, and "" for what is none."""
    if column.dtype.kind in "biuf":
        numbers: list[Any] = column.astype(float).tolist()
        return numbers
    texts = []
    for cell in column.tolist():
        is_text = getattr(getattr(cell, "dtype", None), "kind", "") == "U" and cell.size
        texts.append(str(cell.flat[0]) if is_text else "")
    return texts


def _limit(memory: int, seconds: int) -> None:
    """Keeps a damaged file from taking all memory or time, and a crash from leaving a core."""
    signal.alarm(seconds)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    main()
