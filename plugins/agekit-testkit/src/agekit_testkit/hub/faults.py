"""Faults: the ways a Hub misbehaves when told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

__all__ = ["Fault", "Faults"]


@dataclass
class Fault:
    """One way to misbehave.

    Args:
        path: the end of the addresses it concerns; empty for every one.
        methods: the requests it concerns.
        times: how often it happens; None is always.
        status: the error to answer with.
        headers: further headers of the answer.
        location: where to send whoever asks.
        size: the size to announce in place of the true one, bytes.
        change: makes the bytes to send of the true ones.
        cut: bytes after which the connection breaks.
    """

    path: str = ""
    methods: tuple[str, ...] = ("HEAD", "GET", "POST", "PUT", "DELETE")
    times: int | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    location: str | None = None
    size: int | None = None
    change: Callable[[bytes], bytes] | None = None
    cut: int | None = None


class Faults:
    """The faults a Hub has now."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """From now on `fault` happens too; of those that fit a request the first does."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """From now on nothing is wrong."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of the answer to this request; counts as having happened."""
        with self._lock:
            for fault in self._faults:
                if method in fault.methods and path.endswith(fault.path) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None
