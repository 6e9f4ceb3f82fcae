"""Remarks for people on stderr: what was chosen, guessed, or left out."""

from __future__ import annotations

import logging
import os

__all__ = ["in_the_report", "tell"]

_log = logging.getLogger(__name__)


def in_the_report(note: str) -> None:
    """Takes a remark that what is printed later has among others."""


def tell(note: str) -> None:
    """Logs a remark as a warning, on one line; of several processes, the first does."""
    if os.environ.get("RANK", "0") == "0":
        text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in note)
        _log.warning("note: %s", text)
