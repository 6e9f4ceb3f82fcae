"""How much `agekit serve` answers, how fast, and what it does with clients that mean it ill.

    python benchmarks/serve.py [--photo FILE] [--requests N] [--clients N] [-- OPTIONS OF SERVE]

Starts the service on loopback and sends it, by so many clients at once, one photo after the other;
then a thousand uploads that are no photos (empty, text, truncated, too many pixels, too large, of
another kind, broken forms); then photos again while a hundred connections hang with half a
request. Printed: requests a second, the median and the 99th percentile of the time to an answer,
how they were answered, and the memory of the process before and after.
"""

from __future__ import annotations

import argparse
import http.client
import io
import os
import platform
import random
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from agekit_synthfaces import draw, person
from PIL import Image

Request = tuple[str, bytes]
"""The type of the content, and the content."""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="The service under load.")
    parser.add_argument("--photo", type=Path, help="else a drawn one of 640 x 480 pixels")
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--bad", type=int, default=1000)
    parser.add_argument("serve", nargs="*", help="options of `agekit serve`")
    options = parser.parse_args()
    photo = options.photo.read_bytes() if options.photo else drawn()
    command = [sys.executable, "-m", "agekit", "serve", "--port", "0", *options.serve]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        port = int(child.stdout.readline().rstrip("/\n").rpartition(":")[2])
        print(f"{platform.machine()}, {os.cpu_count()} cores, {' '.join(options.serve)}")
        good: Request = ("image/jpeg", photo)
        measure("photos, one client", port, [good] * max(1, options.requests // 4), 1)
        print(f"memory: {memory(child.pid):.0f} MB")
        measure(
            f"photos, {options.clients} clients", port, [good] * options.requests, options.clients
        )
        measure("uploads that are no photos", port, bad(photo, options.bad), options.clients)
        hung = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        for one in hung:
            one.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
        measure("photos, while 100 hang", port, [good] * options.requests, options.clients)
        print(f"memory: {memory(child.pid):.0f} MB")
        child.terminate()


def measure(name: str, port: int, requests: list[Request], clients: int) -> None:
    """Sends requests from so many clients at once, and prints how they fared."""

    def send(request: Request) -> tuple[int, float]:
        began = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            connection.request("POST", "/predict", request[1], {"Content-Type": request[0]})
            status = connection.getresponse().status
        except OSError:
            status = 0  # the connection was closed before all was sent
        finally:
            connection.close()
        return status, time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(send, requests))
    rate = len(answers) / (time.perf_counter() - began)
    seconds = np.array([second for _, second in answers])
    counts = ", ".join(
        f"{n} x {code}" for code, n in sorted(Counter(c for c, _ in answers).items())
    )
    print(
        f"{name}: {rate:.1f} requests a second, median {1000 * np.median(seconds):.0f} ms, "
        f"99 % {1000 * np.quantile(seconds, 0.99):.0f} ms; {counts}",
        flush=True,
    )


def bad(photo: bytes, count: int) -> list[Request]:
    """Uploads that cannot be answered, of all kinds in turn."""
    rng = random.Random(0)
    form = "multipart/form-data; boundary=XX"
    part = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    kinds: list[Callable[[], Request]] = [
        lambda: ("image/jpeg", b""),
        lambda: ("image/jpeg", b"this is no photo"),
        lambda: ("image/jpeg", photo[: rng.randrange(4, len(photo) // 2)]),
        lambda: ("image/png", bomb()),
        lambda: ("image/jpeg", bytes(21_000_000)),
        lambda: ("text/html", b"<p>"),
        lambda: (form, b"no form at all"),
        lambda: (form, part + rng.randbytes(5000)),
        lambda: (form, part + rng.randbytes(5000) + b"\r\n--XX--\r\n"),
        lambda: (form, (part + b"x\r\n") * 20 + b"--XX--\r\n"),
    ]
    return [kinds[k % len(kinds)]() for k in range(count)]


def bomb() -> bytes:
    """A PNG of a hundred bytes that says it has 2.5 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        end = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + end

    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def drawn() -> bytes:
    """A photo of two drawn people, as JPEG."""
    picture = np.full((480, 640, 3), 180, np.uint8)
    picture[100:356, 40:296] = draw(person(1, 7), 42, 256)
    picture[100:356, 344:600] = draw(person(2, 9), 12, 256)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "jpeg", quality=90)
    return file.getvalue()


def memory(pid: int) -> float:
    """Of a process, MB; of Linux alone."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


if __name__ == "__main__":
    main()
