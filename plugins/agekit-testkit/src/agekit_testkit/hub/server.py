"""The Hub's protocol over a socket: what the client asks, and what a Hub answers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from agekit_testkit.hub.api import Api
from agekit_testkit.hub.faults import Fault, Faults
from agekit_testkit.hub.messages import Answer, Asked, Refusal
from agekit_testkit.hub.store import Store

__all__ = ["HubServer", "Request"]

RANGE = re.compile(r"bytes=(\d+)-")
PIECE = 1 << 16


@dataclass(frozen=True)
class Request:
    """A request to the Hub, and its answer.

    Args:
        method: `GET`, `HEAD`, ...
        path: of the address, without the query.
        status: of the answer.
        sent: bytes of content that went out.
        start: the first byte that was asked for.
        token: the token that came along, or empty.
    """

    method: str
    path: str
    status: int
    sent: int
    start: int = 0
    token: str = ""


class HubServer(ThreadingHTTPServer):
    """A Hub on a free port of the loopback interface.

    Args:
        store: what it keeps.
        faults: how it misbehaves.
        token: what whoever writes, or reads what is private, has to show.
    """

    daemon_threads = True

    def __init__(self, store: Store, faults: Faults, token: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = faults
        self.token = token
        self.endpoint = f"http://127.0.0.1:{self.server_address[1]}"
        self.api = Api(store, self.endpoint)
        self.requests: list[Request] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = self._chunks()
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self._token = token
        fault = self.server.faults.take(self.command, unquote(url.path)) or Fault()
        if fault.status is not None:
            self._send(Answer(fault.status, headers=dict(fault.headers)), fault)
            return
        known = token == self.server.token
        asked = Asked(self.command, url.path, parse_qs(url.query), body, known, self.headers)
        try:
            answer = self.server.api.answer(asked)
        except Refusal as refusal:
            answer = Answer(refusal.status, {"error": refusal.message}, headers=refusal.headers)
        self._send(answer, fault)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, answer: Answer, fault: Fault) -> None:
        data = answer.content
        if data is None:
            data = b"" if answer.document is None else json.dumps(answer.document).encode()
        status, headers = answer.status, {**answer.headers, **fault.headers}
        start = 0
        if fault.change is not None:
            data = fault.change(data)
        if fault.location is not None:
            status, headers["Location"] = 302, fault.location
            data = data if self.command == "HEAD" else b""
        elif answer.content is not None and self.command == "GET":
            wanted = RANGE.fullmatch(self.headers.get("Range", ""))
            if wanted is not None and (start := int(wanted[1])):
                status = 206
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
                data = data[start:]
        if fault.size is not None:
            headers["Content-Length"] = str(fault.size)
            if "X-Linked-Size" in headers:
                headers["X-Linked-Size"] = str(fault.size)
        end = len(data) if fault.cut is None else min(fault.cut, len(data))
        sent = 0 if self.command == "HEAD" else end
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(Request(self.command, path, status, sent, start, self._token))
        if fault.cut is not None or fault.size is not None:
            self.close_connection = True
        self._head(status, headers, len(data))
        for at in range(0, sent, PIECE):
            self.wfile.write(data[at : min(at + PIECE, end)])

    def _head(self, status: int, headers: Mapping[str, str], size: int) -> None:
        self.send_response_only(status)
        given = {"Date": formatdate(usegmt=True), "Content-Length": str(size), **headers}
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
