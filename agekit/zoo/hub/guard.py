"""Watches the requests of the Hub's client: where they go, and what the answers say of files."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from agekit.errors import ModelError
from agekit.zoo.hub.errors import Busy

__all__ = ["HOSTS_VARIABLE", "PATIENCE", "Guard", "Unanswered"]

HOSTS_VARIABLE = "AGEKIT_HUB_HOSTS"
"""Names the hosts, separated by commas, that files may come from besides the Hub's own."""
HUB_DOMAINS = ("hf.co", "huggingface.co")
"""Hosts in these domains serve the Hub's large files."""
PATIENCE = 60
"""Most seconds that the client may be made to wait."""
SLOWEST = 1000
"""Bytes a second; an answer that comes slower than that for `PATIENCE` seconds is given up."""
_PORTS = {"http": 80, "https": 443}
_COMMIT = re.compile("[0-9a-f]{40}")
_ETAG = re.compile(r'(W/)?"?([0-9A-Za-z-]{1,128})"?')


class Unanswered(Exception):
    """The client asks again what got no answer."""


class Guard:
    """Hooks for the client's session.

    Args:
        endpoint: the Hub's address.
        what: what is being fetched, for messages.
        commit: the commit whose files are fetched; None if it is not known yet.
        size: bytes of the file that is fetched; None if it is not known.
    """

    current: ClassVar[Guard | None] = None
    """Whose request is under way; connections outlive it."""

    def __init__(
        self, endpoint: str, what: str, commit: str | None = None, size: int | None = None
    ) -> None:
        self.endpoint = endpoint
        self.what = what
        self.commit = commit
        self.size = size
        self._open = False
        self._began, self._came = 0.0, 0

    def request(self, request: Any) -> None:
        """Lets a request go out to the Hub's hosts only.

        Raises:
            ModelError: it would go elsewhere.
            Unanswered: it asks again for what is known of a file. The client would do so for half
                a minute, and not tell why; and it would open another session, without this guard.
        """
        if request.method == "HEAD":
            if self._open:
                self._open = False
                raise Unanswered
            self._open = True
        url = urlsplit(str(request.url))
        if not self._may_ask(url.scheme, url.hostname or "", url.port):
            where = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
            raise ModelError(
                f"{self.what}: {self.endpoint} sends us to another host, {where}; refused",
                f"if you trust that host, set {HOSTS_VARIABLE}={url.hostname}",
            )
        self._began, self._came = time.monotonic(), 0
        Guard.current = self
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Told by the transport what it does: of each connection it opens, reading is watched.

        The client waits for ever on a Hub that sends a byte now and then, be it of the head.
        """
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            stream = info["return_value"]
            read = stream.read

            def watched(*args: Any, **options: Any) -> bytes:
                data: bytes = read(*args, **options)
                if Guard.current is not None:
                    Guard.current.pace(len(data))
                return data

            stream.read = watched

    def pace(self, came: int) -> None:
        """Counts the bytes that came.

        Raises:
            ModelError: they come too slowly.
        """
        self._came += came
        spent = time.monotonic() - self._began
        if spent < PATIENCE:
            return
        if self._came < SLOWEST * spent:
            raise ModelError(
                f"{self.what}: {self.endpoint} sends too slowly: {self._came:,} bytes in "
                f"{spent:.0f} seconds",
                "try again later: it goes on where it stopped",
            )
        self._began, self._came = time.monotonic(), 0

    def response(self, response: Any) -> None:
        """Looks at the head of an answer before the client acts on it.

        Raises:
            Busy: the Hub may answer later.
            ModelError: the answer is of another commit or size, or names no place in the cache.
        """
        self._open = False
        status, headers = response.status_code, response.headers
        if status in (408, 429) or status >= 500:
            raise Busy(status, _seconds(headers.get("Retry-After")))
        if status >= 400:
            return
        if response.request.method == "HEAD":
            self._check_place(headers)
        if self.size is not None and (said := _announced(response)) not in (None, self.size):
            raise ModelError(
                f"{self.what}: {self.endpoint} announces {said:,} bytes, not {self.size:,}",
                "the file there is not the one that was published; refused",
            )

    def _may_ask(self, scheme: str, host: str, port: int | None) -> bool:
        home = urlsplit(self.endpoint)
        own = (home.scheme, home.hostname, home.port or _PORTS.get(home.scheme))
        if (scheme, host, port or _PORTS.get(scheme)) == own:
            return True
        trusted = [name.strip().lower() for name in os.environ.get(HOSTS_VARIABLE, "").split(",")]
        if host in trusted:
            return True
        return scheme == "https" and any(
            host == domain or host.endswith(f".{domain}") for domain in HUB_DOMAINS
        )

    def _check_place(self, headers: Any) -> None:
        """The client names files of its cache after what these headers say."""
        for name in ("ETag", "X-Linked-Etag"):
            if (said := headers.get(name)) is not None and not _ETAG.fullmatch(said):
                raise self._nonsense(name, said)
        if (said := headers.get("X-Repo-Commit")) is not None and (
            not _COMMIT.fullmatch(said) or self.commit not in (None, said)
        ):
            raise self._nonsense("X-Repo-Commit", said)

    def _nonsense(self, header: str, said: str) -> ModelError:
        return ModelError(
            f"{self.what}: {self.endpoint} answers with {header} {said[:80]!r}; refused",
            "this is not the file that was asked for",
        )


def _announced(response: Any) -> int | None:
    """The bytes of the whole file as the answer's head has them; None if it does not say."""
    headers = response.headers
    if response.request.method == "HEAD" and (linked := headers.get("X-Linked-Size")):
        return _seconds(linked)
    if response.status_code != 200 or headers.get("Content-Encoding", "identity") != "identity":
        return None
    return _seconds(headers.get("Content-Length"))


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None
