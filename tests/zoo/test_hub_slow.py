"""A Hub that sends a byte now and then is given up, wherever in its answer it does."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from huggingface_hub import get_session

from agekit.errors import ModelError
from agekit.zoo.hub import guard
from agekit.zoo.hub.client import hub_client

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
PAUSE = 0.02


@pytest.fixture
def server():
    """Serves what is put into `parts`: each is sent whole, the last byte by byte."""
    parts: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
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

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", parts
    listening.close()


@pytest.mark.parametrize("parts", [(HEAD, bytes(5000)), (b"", HEAD + bytes(5000))])
def test_a_byte_now_and_then(server, monkeypatch, parts):
    address, served = server
    served[:] = parts
    monkeypatch.setenv("HF_ENDPOINT", address)
    monkeypatch.setattr(guard, "PATIENCE", 0.3)
    began = time.monotonic()
    watch, says = guard.Guard(address, "weights of a/b"), r"weights of a/b: .* too slowly"
    with (
        hub_client(watch),
        pytest.raises(ModelError, match=says) as told,
    ):
        get_session().get(f"{address}/x")
    assert time.monotonic() - began < 5
    assert "goes on where it stopped" in told.value.hint


def test_what_is_small_and_slow_comes(server, monkeypatch):
    address, served = server
    served[:] = (HEAD.replace(b"5000", b"5"), b"right")
    monkeypatch.setenv("HF_ENDPOINT", address)
    with hub_client(guard.Guard(address, "config of a/b")):
        assert get_session().get(f"{address}/x").content == b"right"
