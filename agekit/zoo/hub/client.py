"""Requests to the Hub by its client's session: within its hosts, and not for ever.

The client follows every redirect and waits without end for a Hub that sends a byte now and then.
So bytes are asked for here, one redirect at a time.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import partial
from threading import Thread
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from huggingface_hub import constants, get_session
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from agekit.discovery import core_version
from agekit.errors import ModelError
from agekit.zoo.hub.errors import is_unreachable, seconds

__all__ = ["HOSTS_VARIABLE", "endpoint", "opened", "received", "retry"]

HOSTS_VARIABLE = "AGEKIT_HUB_HOSTS"
"""Names the hosts, separated by commas, that files may come from besides the Hub's own."""
HUB_DOMAINS = ("hf.co", "huggingface.co")
"""Hosts in these domains serve the Hub's large files."""
PATIENCE = 60
"""Seconds for an answer to begin; and the most that the Hub may ask to wait."""
SLOWEST = 1000
"""Bytes a second; what comes slower than that for `PATIENCE` seconds is given up."""
_HOPS = 10
"""The most redirects of one request."""
_PORTS = {"http": 80, "https": 443}
_WAITS = (0.5, 1.5)
"""Seconds before the second attempt, and before the third."""
Result = TypeVar("Result")


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
def opened(
    url: str, what: str, check: Callable[[Any], None] = lambda response: None, start: int = 0
) -> Iterator[Any]:
    """The Hub's response to a GET, its body not read yet.

    The user's token goes to the Hub's own address alone.

    Args:
        url: of the Hub.
        what: is asked for, in messages.
        check: is shown each response on the way, and raises what is wrong with its head.
        start: the first byte that is wanted.

    Raises:
        ModelError: the Hub sends us to a host that is not its own, or round in circles, or is slow.
        HfHubHTTPError: it refuses.
    """
    session, timeout = get_session(), constants.HF_HUB_DOWNLOAD_TIMEOUT
    headers = build_hf_headers(library_name="agekit", library_version=core_version())
    headers |= {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    for _ in range(_HOPS):
        _check_host(url, what)
        if _origin(url) != _origin(endpoint()):
            headers.pop("authorization", None)
        request = session.build_request("GET", url, headers=headers, timeout=timeout)
        response = _in_time(
            partial(session.send, request, stream=True, follow_redirects=False), what
        )
        try:
            if response.status_code >= 400:
                raise HfHubHTTPError(
                    f"HTTP {response.status_code}",
                    response=response,
                    server_message=response.headers.get("X-Error-Message"),
                )
            check(response)
            if not response.has_redirect_location:
                yield response
                return
            url = urljoin(url, response.headers["Location"])
        finally:
            response.close()
    raise ModelError(f"{what}: {endpoint()} sends us in circles", "try again later")


def _check_host(url: str, what: str) -> None:
    """Refuses addresses that are neither the Hub's nor of hosts that the user trusts.

    Raises:
        ModelError: it is another's.
    """
    here = urlsplit(url)
    host = here.hostname or ""
    named = [name.strip().lower() for name in os.environ.get(HOSTS_VARIABLE, "").split(",")]
    if _origin(url) == _origin(endpoint()) or (host and host in named and here.scheme in _PORTS):
        return
    if here.scheme == "https" and f".{host}".endswith(tuple(f".{name}" for name in HUB_DOMAINS)):
        return
    raise ModelError(
        f"{what}: {endpoint()} sends us to another host, "
        f"{here.scheme}://{here.netloc.rpartition('@')[2]}; refused",
        f"if you trust that host, set {HOSTS_VARIABLE}={host}",
    )


def received(response: Any, what: str) -> Iterator[bytes]:
    """The bytes of a body as they come.

    Raises:
        ModelError: they come too slowly.
    """
    began, came = time.monotonic(), 0
    for data in response.iter_raw():
        came += len(data)
        if (spent := time.monotonic() - began) >= PATIENCE:
            if came < SLOWEST * spent:
                raise _too_slow(what, f"{came:,} bytes in {spent:.0f} seconds")
            began, came = time.monotonic(), 0
        yield data


def _in_time(call: Callable[[], Result], what: str) -> Result:
    """Calls what waits for the head of a response, for at most `PATIENCE` seconds.

    The client's timeouts are of each read, so that a byte now and then is no silence. Nothing can
    end such a call; its thread is left behind, and ends with the process at the latest.

    Raises:
        ModelError: it takes too long.
        Exception: what the call raised.
    """
    answer: Future[Result] = Future()

    def run() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    Thread(target=run, daemon=True).start()
    wait([answer], PATIENCE)
    if not answer.done():
        raise _too_slow(what, f"no answer in {PATIENCE:.0f} seconds")
    return answer.result()


def retry(call: Callable[[], Result]) -> Result:
    """Calls up to three times while the Hub is busy, and twice if it does not answer.

    Raises:
        Exception: what the last call raised.
    """
    for attempt, pause in enumerate(_WAITS):
        try:
            return call()
        except HfHubHTTPError as error:
            status = error.response.status_code
            asked = seconds(error.response.headers.get("Retry-After"))
            pause = pause if asked is None else asked
            if not (status in (408, 429) or status >= 500) or pause > PATIENCE:
                raise
        except Exception as error:
            if attempt > 0 or not is_unreachable(error):
                raise
        time.sleep(pause)
    return call()


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _too_slow(what: str, how: str) -> ModelError:
    return ModelError(f"{what}: {endpoint()} sends too slowly: {how}", "try again later")
