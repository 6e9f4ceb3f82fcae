"""A Hub that sends a byte now and then is given up, wherever in its answers it does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from itertools import chain, repeat

import pytest

from agekit.errors import ModelError
from agekit.zoo.entry import FileRecord
from agekit.zoo.hub import client
from agekit.zoo.hub.pull import pull

pytestmark = pytest.mark.slow

COMMIT = "1" * 40
PAUSE = 0.02
RIGHT = b"right"
SLOW = bytes(5000)


def head(size: int, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {size}", f"X-Repo-Commit: {COMMIT}"]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode()


MOVED = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nConnection: close\r\n\r\n"


@pytest.fixture
def serve(monkeypatch, tmp_path) -> Iterator:
    """Gives a function that says what each request in turn is answered by.

    An answer is parts: each is sent whole, the last byte by byte. The last answer is repeated.
    """
    listening = socket.create_server(("127.0.0.1", 0))

    def run(answers: list[tuple[bytes, ...]]) -> None:
        for parts in chain(answers, repeat(answers[-1])):
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(10_000)
                try:
                    for part in parts[:-1]:
                        connection.sendall(part)
                    for byte in parts[-1]:
                        connection.sendall(bytes([byte]))
                        time.sleep(PAUSE)
                except OSError:
                    continue

    def start(*answers: tuple[bytes, ...]) -> None:
        threading.Thread(target=run, args=(list(answers),), daemon=True).start()

    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{listening.getsockname()[1]}")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(client, "PATIENCE", 0.3)
    monkeypatch.setattr(client, "_WAITS", (0.0, 0.0))
    yield start
    listening.close()


def files(size: int) -> dict[str, FileRecord]:
    return {"weights.safetensors": FileRecord(sha256="0" * 64, size=size)}


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([(b"", head(5000) + SLOW)], files(5000)),
        ([(head(5000), SLOW)], files(5000)),
        ([(head(5000), SLOW)], None),
        ([(b"", head(5000) + SLOW)], None),
        ([(b"", head(0, "500 Trouble") + SLOW)], None),
        ([(MOVED, b""), (b"", head(5000) + SLOW)], files(5000)),
    ],
)
def test_a_byte_now_and_then(serve, answers, asked):
    serve(*answers)
    began = time.monotonic()
    with pytest.raises(ModelError, match=r"a/b.* sends too slowly") as told:
        pull("a/b", COMMIT, asked)
    assert time.monotonic() - began < 5
    assert "try again later" in told.value.hint


def test_what_is_small_and_slow_comes(serve):
    serve((head(5), RIGHT))
    with pytest.raises(ModelError, match="its SHA-256 is"):
        pull("a/b", COMMIT, files(5))
