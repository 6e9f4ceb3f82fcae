"""`agekit serve` on loopback: a real process, real sockets, drawn faces."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import uvicorn
from agekit_serve import cli
from agekit_serve.app import make_app
from agekit_serve.server import Ending, Timed
from agekit_serve.settings import Settings
from agekit_synthfaces import draw, person
from agekit_testkit import check_command
from PIL import Image

from agekit.cli import main
from agekit.inference.face import Face
from agekit.inference.prediction import Prediction

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photo():
    file = io.BytesIO()
    Image.fromarray(draw(person(1, 7), 42, 160)).save(file, "png")
    return file.getvalue()


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A process that serves; its port and the folder in which a photo must not be left."""
    folder = tmp_path_factory.mktemp("spool")
    command = [sys.executable, "-m", "agekit", "serve", "--port", "0", "--timeout", "1"]
    command += ["--model", "cen-resnet10-tiny", "--max-bytes", "3000000", "--max-files", "3"]
    command += ["--max-pixels", "1000000", "--device", "cpu"]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
    )
    address = child.stdout.readline()
    assert address.startswith("http://127.0.0.1:"), child.stderr.read()
    port = int(address.rstrip("/\n").rpartition(":")[2])
    yield SimpleNamespace(port=port, folder=folder)
    child.send_signal(signal.SIGTERM)
    _, told = child.communicate(timeout=30)
    assert child.returncode == 0, told
    assert "Traceback" not in told, told
    assert not any(folder.iterdir()), "a photo, or an id of ONNX Runtime's telemetry, on the disk"


def ask(port, method, path, body=None, **headers):
    """Status, headers and body of the answer to a request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, names)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def form(*files):
    """The headers' type and the body of a form of (name, data)."""
    parts = [
        b'--XX\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n'
        % (name.encode(), data)
        for name, data in files
    ]
    return {"Content_Type": "multipart/form-data; boundary=XX"}, b"".join(parts) + b"--XX--\r\n"


def post(port, *files, path="/predict", **more):
    kind, body = form(*files)
    status, _, answer = ask(port, "POST", path, body, **kind, **more)
    return status, json.loads(answer)


def bomb(width, height):
    """A PNG of a few bytes that claims to hold many pixels."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_photos_are_answered_as_predict_does(service, photo, tmp_path, capsys):
    status, several = post(service.port, ("a.png", photo), ("b.txt", b"no photo"))
    assert status == 200
    assert [one["path"] for one in several] == ["a.png", "b.txt"]
    assert several[0]["error"] is None and "b.txt: not an image" in several[1]["error"]
    (tmp_path / "a.png").write_bytes(photo)
    with pytest.raises(SystemExit):
        main(["predict", str(tmp_path / "a.png"), "--model", "cen-resnet10-tiny", "--json"])
    [here] = json.loads(capsys.readouterr().out)
    assert several[0] == here | {"path": "a.png"}
    status, _, alone = ask(
        service.port, "POST", "/predict?distribution=1", photo, Content_Type="image/png"
    )
    [answer] = json.loads(alone)
    assert status == 200 and answer["path"] == ""
    assert sum(answer["faces"][0]["distribution"]["p"]) == pytest.approx(1, abs=1e-3)
    accept = {"Accept": "image/jpeg,image/png;q=0.5"}
    status, headers, picture = ask(
        service.port, "POST", "/predict", photo, Content_Type="image/png", **accept
    )
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert Image.open(io.BytesIO(picture)).size == (480, 480)


def test_what_is_refused_is_told_in_a_sentence(service, photo):
    port = service.port
    large = bytes(3_000_001)
    for status, words, answer in (
        (422, "the limit is 1000000", post(port, ("a.png", bomb(50_000, 50_000)))),
        (422, "b.txt: not an image", post(port, ("b.txt", b"no photo"))),
        (422, "truncated", post(port, ("a.png", photo[:2000]))),
        (422, "the file is empty", post(port, ("a.png", b""))),
        (422, "there is no photo", post(port)),
        (413, "larger than 3,000,000 bytes", post(port, ("a.png", large))),
        (413, "more than 3 photos", post(port, *[("a.png", photo)] * 4)),
        (422, "faces", post(port, ("a.png", photo), path="/predict?faces=none")),
        (422, "one photo, not of 2", post(port, *[("a.png", photo)] * 2, Accept="image/png")),
        (422, "a.png: ", post(port, ("a.png", b"GIF89a"), Accept="image/png")),
        (404, "Not Found", post(port, path="/age")),
    ):
        assert answer[0] == status and words in answer[1]["error"], answer
    for status, kind, body in (
        (415, "text/plain", b"x"),
        (400, "multipart/form-data", b"x"),
        (400, "multipart/form-data; boundary=XX", b"--YY\r\nbroken"),
        (422, "multipart/form-data; boundary=XX", form(("a.png", photo))[1][:-200]),
        (422, "image/png", b""),
    ):
        answered, _, answer = ask(port, "POST", "/predict", body, Content_Type=kind)
        assert answered == status and json.loads(answer)["error"], (kind, body, answer)
    assert ask(port, "GET", "/predict")[0] == 405
    assert ask(port, "GET", "/health")[0] == 200, "it is there still"


@pytest.mark.slow
def test_clients_that_hang_are_left_and_others_answered(service, photo):
    """One sends no head, one half a head, one half a body, one a body without end."""
    heads = (
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n",
        b"Content-Length: 1000\r\n\r\nhalf",
    )
    hung = []
    for sent in (b"", heads[0], heads[0] + heads[1]):
        hung.append(socket.create_connection(("127.0.0.1", service.port)))
        hung[-1].sendall(sent)
    endless = socket.create_connection(("127.0.0.1", service.port))
    endless.sendall(heads[0] + b"Transfer-Encoding: chunked\r\n\r\n")
    status, _ = post(service.port, ("a.png", photo))
    assert status == 200
    chunk = b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n"
    try:
        for _ in range(40):
            endless.sendall(chunk)
    except OSError:
        pass
    hung[2].settimeout(10)
    assert b" 408 " in hung[2].recv(1000)
    for one in (*hung, endless):
        one.close()


def test_its_page_description_and_figures(service):
    status, headers, body = ask(service.port, "GET", "/docs")
    page = body.decode()
    assert status == 200 and "POST /predict" in page and "3,000,000 bytes" in page
    assert "<script" not in page and "default-src 'none'" in headers["Content-Security-Policy"]
    assert page.count("http") == page.count(f"http://127.0.0.1:{service.port}")
    _, _, described = ask(service.port, "GET", "/openapi.json")
    paths = json.loads(described)["paths"]
    assert {*paths} == {"/predict", "/health", "/metrics"}
    assert "multipart/form-data" in paths["/predict"]["post"]["requestBody"]["content"]
    _, _, health = ask(service.port, "GET", "/health")
    assert json.loads(health)["model"] == "cen-resnet10-tiny"
    assert ask(service.port, "GET", "/one/that/is/made/up")[0] == 404
    _, _, told = ask(service.port, "GET", "/metrics")
    assert 'agekit_requests_total{path="other",status="404"} 1.0' in told.decode()
    assert "made/up" not in told.decode(), "a path that anybody makes up is no label"


class Slow:
    """A predictor that answers when it is let."""

    name = "slow"

    def __init__(self):
        self.go = threading.Event()
        self.batches = []

    def predict(self, images, faces="all"):
        self.go.wait(10)
        self.batches.append(len(images))
        if any(image.shape[0] == 13 for image in images):
            raise RuntimeError("unlucky")
        return [Prediction("", (Face(30.0, (20.0, 40.0)),)) for _ in images]


@pytest.fixture
def serving():
    """Serves an application from a thread; gives its port."""
    servers = []

    def start(app):
        made = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, http=Timed, lifespan="on", log_level="critical", timeout_keep_alive=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([made],))
        thread.start()
        servers.append((server, thread, made))
        return made.getsockname()[1]

    yield start
    for server, thread, made in servers:
        server.should_exit = True
        thread.join(10)
        made.close()


def small(side):
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, "png")
    return file.getvalue()


def test_large_photos_stay_in_memory(serving, monkeypatch):
    """Parts above a megabyte are what form parsers put on the disk, unlinked, where none sees."""

    def refuse(*_, **__):
        raise AssertionError("a file on the disk")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    slow = Slow()
    slow.go.set()
    port = serving(make_app(slow, Settings()))
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)
    Image.fromarray(noise).save(file, "png")
    assert file.tell() > 2_000_000
    status, [answer] = post(port, ("large.png", file.getvalue()))
    assert status == 200 and answer["error"] is None


def test_requests_that_wait_are_answered_together_and_too_many_refused(serving):
    slow = Slow()
    port = serving(make_app(slow, Settings(max_waiting=5, batch_size=16)))
    with ThreadPoolExecutor(8) as pool:
        asked = []
        for k in range(8):
            asked.append(
                pool.submit(ask, port, "POST", "/predict", small(8), Content_Type="image/png")
            )
            for _ in range(100):
                if k == 7 or json.loads(ask(port, "GET", "/health")[2])["waiting"] >= min(k + 1, 5):
                    break
                time.sleep(0.01)
        full = [one.result() for one in asked[5:]]
        slow.go.set()
        served = [one.result() for one in asked[:5]]
    assert [status for status, _, _ in full] == [503] * 3
    assert all(headers["Retry-After"] for _, headers, _ in full)
    assert [status for status, _, _ in served] == [200] * 5
    assert slow.batches == [1, 4]
    assert json.loads(ask(port, "GET", "/health")[2])["waiting"] == 0


def test_one_photo_that_breaks_the_model_breaks_no_other(serving):
    slow = Slow()
    port = serving(make_app(slow, Settings()))
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask, port, "POST", "/predict", small(8), Content_Type="image/png")
        time.sleep(0.2)
        asked = [
            pool.submit(ask, port, "POST", "/predict", small(side), Content_Type="image/png")
            for side in (8, 13, 8)
        ]
        time.sleep(0.3)
        slow.go.set()
        statuses = [one.result()[0] for one in (first, *asked)]
    assert statuses == [200, 200, 500, 200]


def test_who_waits_too_long_is_told(serving):
    slow = Slow()
    port = serving(make_app(slow, Settings(answer_within=0.1)))
    status, headers, body = ask(port, "POST", "/predict", small(8), Content_Type="image/png")
    slow.go.set()
    assert status == 503 and headers["Retry-After"] and "not answered within" in body.decode()


def test_no_more_is_kept_in_memory_than_there_is_room_for(serving):
    slow = Slow()
    slow.go.set()
    settings = Settings(max_bytes=1000, timeout=2)
    port = serving(make_app(slow, settings))
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
    head += b"Content-Length: 900\r\n\r\n"
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(9)]
    for one in held:
        one.sendall(head + bytes(899))
    time.sleep(0.2)
    status, _, body = ask(port, "POST", "/predict", bytes(900), Content_Type="image/png")
    assert status == 503 and "too much is being sent" in body.decode()
    for one in held:
        one.close()
    time.sleep(0.2)
    status, *_ = ask(port, "POST", "/predict", small(8), Content_Type="image/png")
    assert status == 200, "what went away gives its room back"


def test_an_ager_is_served(serving):
    class Ager:
        name = "older"

        def age(self, images, to, faces="all"):
            self.to = to
            after = None if to == 7 else 255 - images[0]
            return [SimpleNamespace(error=None, after=after)]

    ager = Ager()
    port = serving(make_app(Slow(), Settings(), ager))
    status, headers, body = ask(port, "POST", "/age?to=70", small(8), Content_Type="image/png")
    assert (status, headers["Content-Type"], ager.to) == (200, "image/png", 70.0)
    assert Image.open(io.BytesIO(body)).getpixel((0, 0)) == (255, 255, 255)
    for to, words in (("7", "no face was found"), ("soon", "neither old, young nor an age")):
        status, _, body = ask(port, "POST", f"/age?to={to}", small(8), Content_Type="image/png")
        assert status == 422 and words in json.loads(body)["error"]


@pytest.mark.slow
def test_a_head_that_does_not_come(serving, monkeypatch):
    monkeypatch.setattr(Timed, "head_within", 0.2)
    port = serving(make_app(Slow(), Settings()))
    for sent in (
        b"",
        b"GET /health HTTP/1.1\r\nHos",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET",
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=5) as hung:
            hung.sendall(sent)
            answer = b""
            while part := hung.recv(1000):
                answer += part
            assert answer.count(b"HTTP/1.1 200") == sent.count(b"\r\n\r\n")


def told(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return ended.value.code, capsys.readouterr().err


def test_a_port_in_use_and_what_is_not_there(capsys, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        code, error = told(capsys, "serve", "--port", str(other.getsockname()[1]))
        assert code == 1 and "Address already in use" in error and len(error.splitlines()) == 2
    code, error = told(capsys, "serve", "--port", "0", "--host", "203.0.113.9")
    assert code == 1 and "cannot listen on" in error
    code, error = told(capsys, "serve", "--port", "0", "--model", "no-such-model")
    assert code == 1 and "no-such-model" in error
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    code, error = told(capsys, "serve")
    assert code == 1 and "[serve]" in error and "fastapi" in error


def test_the_command_is_a_part():
    check_command("serve")


@pytest.mark.parametrize("begun", [False, True])
def test_requests_that_the_end_of_the_service_cuts_off_are_told_so(begun):
    """As a client's that hangs with half a request; one that is being answered is left."""
    heard = []

    async def hangs(scope, receive, send):
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    async def send(message):
        heard.append(message)

    async def cut_off(kind):
        task = asyncio.create_task(Ending(hangs)({"type": kind}, None, send))
        await asyncio.sleep(0)
        task.cancel()
        await task

    asyncio.run(cut_off("http"))
    assert heard[0]["status"] == (200 if begun else 503)
    assert len(heard) == 1 if begun else b"the service is ending" in heard[1]["body"]
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cut_off("lifespan"))
