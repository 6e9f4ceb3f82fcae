"""Commands in processes of their own that need not import PyTorch first, as that takes seconds.

A process that has imported the libraries, and nothing of agekit, forks for each command. Where
there is no fork the command is started as usual.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["Process", "run", "start"]

FORKS = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"
LIBRARIES = ("torch._dynamo", "torchvision", "timm", "mmengine.runner")
LARGEST = 1 << 18
"""Bytes of a request: arguments, environment, folder."""


class Process:
    """A command that was forked, to be used as a `subprocess.Popen` with text."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self.returncode: int | None = None
        self._written = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115
        self._status, theirs = socket.socketpair()
        with theirs:
            given = [theirs.fileno(), *(file.fileno() for file in self._written)]
            socket.send_fds(_server(), [json.dumps(request).encode()], given)
        self.pid = int(self._status.recv(32))

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, the number of the signal less than 0, once it has ended."""
        if self.returncode is None:
            self._status.settimeout(timeout)
            try:
                self.returncode = int(self._status.recv(32))
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired("agekit", timeout or 0) from None
        return self.returncode

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """What it wrote to stdout and stderr, once it has ended."""
        self.wait(timeout)
        for file in self._written:
            file.seek(0)
        out, err = (file.read() for file in self._written)
        return out, err

    def send_signal(self, number: int) -> None:
        """Sends it a signal, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)

    def __del__(self) -> None:
        for file in (self._status, *self._written):
            file.close()


def start(
    *arguments: object,
    env: Mapping[str, str],
    cwd: Path | None = None,
    start_new_session: bool = False,
) -> Process | subprocess.Popen[str]:
    """Starts ``python -m agekit ...``."""
    words = [str(argument) for argument in arguments]
    if FORKS:
        place = str(cwd or os.getcwd())
        return Process({"argv": words, "env": dict(env), "cwd": place, "new": start_new_session})
    return subprocess.Popen(
        [sys.executable, "-m", "agekit", *words],
        env=dict(env),
        cwd=cwd,
        start_new_session=start_new_session,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(
    *arguments: object, env: Mapping[str, str], cwd: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m agekit ...`` to its end."""
    process = start(*arguments, env=env, cwd=cwd)
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    return subprocess.CompletedProcess(arguments, process.wait(), out, err)


@cache
def _server() -> socket.socket:
    """The end of a socket that requests go into; the server ends when it is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LARGEST)
    with theirs:
        number = theirs.fileno()
        server = subprocess.Popen([sys.executable, __file__, str(number)], pass_fds=[number])
    atexit.register(lambda: (ours.close(), server.wait()))
    return ours


def _serve(requests: socket.socket) -> None:
    """Forks for each request; comes back in the process that is to carry one out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, given, _, _ = socket.recv_fds(requests, LARGEST, 3)
        if not message:
            os._exit(0)
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if (child := os.fork()) == 0:
                requests.close()
                return _become(json.loads(message), *given)
            _tell(socket.socket(fileno=given[0]), child)
        for descriptor in given:
            os.close(descriptor)


def _tell(status: socket.socket, child: int) -> None:
    """Tells the number of the process, then how it ended."""
    try:
        status.sendall(str(child).encode())
        _, ended = os.waitpid(child, 0)
        status.sendall(str(os.waitstatus_to_exitcode(ended)).encode())
    finally:
        os._exit(0)


def _become(request: Mapping[str, Any], status: int, out: int, err: int) -> None:
    """Takes the output, folder, environment and arguments of a command started afresh."""
    os.close(status)
    if request["new"]:
        os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    if threads := request["env"].get("OMP_NUM_THREADS"):  # which torch asks for when it is imported
        sys.modules["torch"].set_num_threads(int(threads))
    more = request["env"].get("PYTHONPATH", "").split(os.pathsep)
    sys.path[:1] = [request["cwd"], *filter(None, more)]
    sys.argv = ["agekit", *request["argv"]]


if __name__ == "__main__":
    gc.disable()
    for library in LIBRARIES:
        import_module(library)
    gc.freeze()  # else each process that is forked would look through, and copy, what it shares
    atexit.register(gc.unfreeze)  # extension modules complain of what is never freed
    _serve(socket.socket(fileno=int(sys.argv[1])))
    gc.enable()
    runpy.run_module("agekit", run_name="__main__", alter_sys=True)
