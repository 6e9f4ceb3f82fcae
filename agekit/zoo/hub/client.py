"""The Hub's own client, set up for us: quiet, watched, and by plain HTTP."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from huggingface_hub import HfApi, constants, get_session
from huggingface_hub.utils import logging as client_log
from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

from agekit import __version__
from agekit.errors import ModelError
from agekit.zoo.hub.errors import Busy, is_away
from agekit.zoo.hub.guard import PATIENCE, Guard

__all__ = ["endpoint", "hub_client", "persistently"]

Result = TypeVar("Result")

_SETTINGS = {
    "DOWNLOAD_CHUNK_SIZE": 1 << 20,
    "HF_HUB_DISABLE_TELEMETRY": True,
    "HF_HUB_DISABLE_XET": True,
}
"""Small pieces, as a broken connection loses the last; no Xet, whose bytes pass no guard."""
_WAITS = (0.5, 1.5)
"""Seconds before the second attempt, and before the third."""
_one_at_a_time = threading.RLock()


def endpoint() -> str:
    """The Hub's address: `$HF_ENDPOINT`, else huggingface.co.

    Raises:
        ModelError: the variable holds no address.
    """
    address = (os.environ.get("HF_ENDPOINT") or str(constants.ENDPOINT)).rstrip("/")
    if not re.fullmatch(r"https?://[^/@\s]+(/\S*)?", address):
        raise ModelError(
            f"HF_ENDPOINT={address!r} is not the address of a Hub",
            "unset it, or set it to something like https://huggingface.co",
        )
    return address


@contextmanager
def hub_client(guard: Guard | None = None, token: str | None = None) -> Iterator[HfApi]:
    """The client; in one thread at a time, as its settings are those of the process.

    The client reads its settings from the environment when it is first imported, which in a
    process with timm is long before us; so they are changed here for the time of the block.

    Args:
        guard: what watches the requests.
        token: of the Hub; None takes it from the usual places.
    """
    with _one_at_a_time:
        before = {name: getattr(constants, name) for name in _SETTINGS}
        loudness = client_log.get_verbosity()
        hide_bars = constants.HF_HUB_DISABLE_PROGRESS_BARS is None and not sys.stderr.isatty()
        session = get_session()
        hooks = session.event_hooks
        try:
            for name, value in _SETTINGS.items():
                setattr(constants, name, value)
            client_log.set_verbosity(logging.ERROR)
            if hide_bars:
                disable_progress_bars()
            if guard is not None:
                session.event_hooks = {
                    "request": [*hooks["request"], guard.request],
                    "response": [*hooks["response"], guard.response],
                }
            yield HfApi(endpoint(), token, "agekit", __version__)
        finally:
            Guard.current = None
            session.event_hooks = hooks
            client_log.set_verbosity(loudness)
            if hide_bars:
                enable_progress_bars()
            for name, value in before.items():
                setattr(constants, name, value)


def persistently(call: Callable[[], Result]) -> Result:
    """Calls up to three times while the Hub is busy, and twice if it does not answer.

    Raises:
        Exception: what the last call raised.
    """
    for attempt, wait in enumerate(_WAITS):
        try:
            return call()
        except Busy as error:
            wait = wait if error.wait is None else error.wait
            if wait > PATIENCE:
                raise
        except Exception as error:
            if attempt > 0 or not is_away(error):
                raise
        time.sleep(wait)
    return call()
