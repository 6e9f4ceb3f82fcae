"""Errors of the Hub's client, made errors for people."""

from __future__ import annotations

import textwrap

from huggingface_hub import errors as hub

from agekit.atomic import DISK_FULL
from agekit.errors import ModelError, one_line

__all__ = ["TRANSPORT", "explain", "is_unreachable", "seconds"]

TRANSPORT: type[Exception] = hub.HfHubHTTPError.__mro__[1]
"""The root of the client's network errors: `httpx.HTTPError` in 1.x, `httpx2.HTTPError` in 2.x."""

_OFFLINE_HINT = "what was pulled before works offline; unset HF_HUB_OFFLINE to fetch more"
_REACH_HINT = (
    "check the network, proxies and HF_ENDPOINT; what was pulled before works without a network"
)
_LOGIN_HINT = "check the name and $HF_TOKEN; for a private repository log in with `hf auth login`"


def is_unreachable(error: BaseException) -> bool:
    """True if it says no more than that the Hub cannot be reached now."""
    if isinstance(error, hub.HfHubHTTPError):
        return bool(error.response.status_code >= 500)
    return isinstance(error, TRANSPORT)


def explain(error: BaseException, what: str, endpoint: str) -> ModelError:
    """An error for people.

    Args:
        error: what the client raised.
        what: what was being pulled or pushed.
        endpoint: the Hub's address.
    """
    if isinstance(error, ModelError):
        return error
    if isinstance(error, hub.HfHubHTTPError):
        return _refusal(error, what, endpoint)
    if isinstance(error, hub.OfflineModeIsEnabled):
        return ModelError(f"{what} is not in the cache, and the network is off", _OFFLINE_HINT)
    if isinstance(error, TRANSPORT):
        return ModelError(f"{what}: cannot reach {endpoint}: {_short(error)}", _REACH_HINT)
    if error.__cause__ is not None:
        return explain(error.__cause__, what, endpoint)
    if isinstance(error, OSError) and error.errno is not None:
        return _disk(error, what)
    return ModelError(
        f"{what}: {endpoint} gave an answer that makes no sense: {_short(error)}",
        "check HF_ENDPOINT; or the client is too old or too new: `pip install -U huggingface-hub`",
    )


def seconds(text: str | None) -> int | None:
    """The number of a header; None if it holds none."""
    return int(text) if text and text.isascii() and text.isdigit() else None


def _refusal(error: hub.HfHubHTTPError, what: str, endpoint: str) -> ModelError:
    status, headers = error.response.status_code, error.response.headers
    code = headers.get("X-Error-Code", "")
    said = textwrap.shorten(error.server_message or "", 200, placeholder=" ...")
    said = f": {said}" if said else ""
    if code == "GatedRepo":
        return ModelError(
            f"{what} is open to those alone who accepted its terms",
            f"accept them on its page at {endpoint}, then log in with `hf auth login`",
        )
    if code == "RevisionNotFound":
        return ModelError(f"{what}: there is no such revision", "see the commits on its page")
    if code == "EntryNotFound":
        return ModelError(f"{what} does not exist on {endpoint}", "see its files on its page")
    if status == 401:
        return ModelError(
            f"{what}: {endpoint} wants to know who asks, or there is no such repository",
            _LOGIN_HINT,
        )
    if status == 404 or code == "RepoNotFound":
        return ModelError(f"{what}: there is no such repository on {endpoint}", _LOGIN_HINT)
    if status == 403:
        return ModelError(
            f"{what}: {endpoint} forbids it{said}",
            "check what your token may do: `hf auth whoami`, https://hf.co/settings/tokens",
        )
    if status == 429:
        pause = seconds(headers.get("Retry-After"))
        until = f"wait {pause} seconds" if pause else "wait a few minutes"
        return ModelError(
            f"{what}: {endpoint} has had too many requests",
            f"{until}, or log in with `hf auth login`",
        )
    if status >= 500:
        return ModelError(
            f"{what}: {endpoint} has trouble of its own (HTTP {status})",
            "try again later; what was pulled before works with HF_HUB_OFFLINE=1",
        )
    return ModelError(f"{what}: {endpoint} refuses it (HTTP {status}){said}", _LOGIN_HINT)


def _disk(error: OSError, what: str) -> ModelError:
    where = f" {error.filename}" if error.filename else " the cache"
    reason = error.strerror or str(error)
    if error.errno in DISK_FULL:
        return ModelError(
            f"{what}: there is no room for it in{where}: {reason}",
            "make room, or set HF_HOME to a folder on a larger disk; nothing was kept",
        )
    return ModelError(
        f"{what}: cannot write{where}: {reason}",
        "set HF_HOME to a folder you may write to",
    )


def _short(error: BaseException) -> str:
    return textwrap.shorten(one_line(error), 200, placeholder=" ...")
