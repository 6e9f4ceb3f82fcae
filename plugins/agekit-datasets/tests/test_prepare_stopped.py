"""`agekit data prepare` stopped in the middle, and gone on with to the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TABLE = "faces.csv"


@pytest.fixture
def command(marked, photos, tmp_path, plugin_site):
    """Starts the command line; gives the process."""

    def start(out, *more, seconds=0.0, limit=None):
        arguments = ["data", "prepare", "csv", "--root", str(photos), "--out", str(out)]
        arguments += ["--size", "64", "--detector", "marked", "--device", "cpu", *more]
        limited = (
            "import resource, sys; from agekit.cli import main; "
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); main(sys.argv[1:])"
        )
        program = ["-m", "agekit"] if limit is None else ["-c", limited]
        environment = {"PYTHONPATH": str(plugin_site), "MARKED_SECONDS": str(seconds)}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        return subprocess.Popen(
            [sys.executable, *program, *arguments],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def chips(out):
    """The chips there are, with their times."""
    return {p: p.stat().st_mtime_ns for p in out.rglob("*.jpg") if p.name[0] != "."}


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)


def workers(tmp_path):
    """The processes that work for one of this test."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            started = str(tmp_path).encode() in (place / "environ").read_bytes()
            spawned = b"spawn_main" in (place / "cmdline").read_bytes()
        except OSError:
            continue
        found += [int(place.name)] * (started and spawned)
    return found


@pytest.mark.slow
def test_a_full_disk_is_told_and_gone_on_from(ready, command, tmp_path, contents):
    out = tmp_path / "out"
    process = command(out, "--workers", "1", limit=1000)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "error: no room for the chips in" in told
    assert "hint: free some space and run the same command again" in told
    assert "Traceback" not in told
    assert not chips(out) and not list(out.rglob(".*.jpg.*"))
    process = command(out, "--workers", "1", "--json")
    answer = json.loads(process.communicate(timeout=120)[0])
    assert [answer[key] for key in ("n", "done", "skipped", "failed")] == [8, 6, 0, 2]
    assert contents(out) == contents(ready)


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(ready, command, tmp_path, contents):
    out = tmp_path / "out"
    before: dict[Path, int] = {}
    for _ in range(2):
        process = command(out, "--workers", "2", seconds=0.5)
        until(lambda before=before: len(chips(out)) >= len(before) + 2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        until(lambda: not workers(tmp_path))
        assert workers(tmp_path) == []
        now = chips(out)
        assert len(before) + 2 <= len(now) < 6
        assert before.items() <= now.items()
        assert not (out / TABLE).exists()
        before = now
    process = command(out, "--workers", "2", "--json")
    answer = json.loads(process.communicate(timeout=120)[0])
    assert (answer["n"], answer["failed"]) == (8, 2)
    assert (answer["done"], answer["skipped"]) == (6 - len(before), len(before))
    assert before.items() <= chips(out).items()
    assert contents(out) == contents(ready)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the processes in /proc")
def test_a_worker_that_dies_is_told(command, tmp_path):
    process = command(tmp_path / "out", "--workers", "2", seconds=1)
    until(lambda: chips(tmp_path / "out"))
    crew = workers(tmp_path)
    assert len(crew) == 2
    os.kill(crew[0], signal.SIGKILL)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: a worker process ended by itself (exit status -9)" in told
    assert "Traceback" not in told
    assert workers(tmp_path) == []


@pytest.mark.slow
def test_interrupted_it_goes_quietly(command, tmp_path):
    process = command(tmp_path / "out", "--workers", "2", seconds=1)
    until(lambda: chips(tmp_path / "out"))
    for one in (process.pid, *workers(tmp_path)):
        os.kill(one, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "error: interrupted" in told
    assert "Traceback" not in told
    assert workers(tmp_path) == []
