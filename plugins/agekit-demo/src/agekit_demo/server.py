"""The page, served on loopback: its own files alone, read from where they lie."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from agekit_demo.site import Site

__all__ = ["PageServer"]

_TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".txt": "text/plain; charset=utf-8",
    ".jpg": "image/jpeg",
    ".wasm": "application/wasm",
}
_HEADERS = {
    "Cache-Control": "no-cache",
    # Isolated from other pages, so that the runtime may use several threads.
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(ThreadingHTTPServer):
    """Serves a page to this machine.

    Args:
        site: the files.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, site: Site, port: int = 0) -> None:
        self.site = site
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answers with a file."""
        name = urlsplit(self.path).path.removeprefix("/") or "index.html"
        file = self.server.site.get(name)
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        data = file if isinstance(file, bytes) else file.read_bytes()
        self.send_response(HTTPStatus.OK)
        kind = _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
        headers = {"Content-Type": kind, "Content-Length": str(len(data)), **_HEADERS}
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing of each request."""
