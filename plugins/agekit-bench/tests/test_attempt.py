"""Cells in processes of their own: how they fail, stop, go on and keep out of each other's way."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agekit_bench.result import Result
from agekit_bench.result_files import read_files
from agekit_synthfaces import write_face
from agekit_synthfaces.dataset import SynthFaces

from agekit.data.digests import hash_file

HOW = ("raise", "memory", "killed")
EVOLVER = """
    import os, signal
    from agekit.training.evolver import Evolver

    class Misbehave(Evolver):
        def __init__(self, *, how: str) -> None:
            self.how = how

        def run(self, trainer):
            if self.how == "raise":
                raise RuntimeError(f"something is wrong in {trainer.run.folder}")
            if self.how == "memory":
                bytearray(1 << 62)
            os.kill(os.getpid(), signal.SIGKILL)
"""
MISBEHAVE = """
kind: estimator
backbone: {type: resnet10-tiny}
heads: {reg: {type: regression}}
evolver: {type: misbehave, how: raise}
train: {epochs: 1}
data: {size: 32}
presets: {quick: {}}
"""
VARYING = ("wall_seconds", "peak_memory", "started", "energy", "code")
Bench = Callable[..., tuple[int, Any, str]]
Start = Callable[..., "subprocess.Popen[str]"]


def same(result: Result) -> dict[str, Any]:
    """A result without what two trainings may differ in."""
    return {key: value for key, value in result.model_dump().items() if key not in VARYING}


@pytest.mark.slow
def test_failures_are_written_down_and_the_suite_goes_on(
    write_plugin: Callable[..., Path],
    write_suite: Callable[..., Path],
    run_bench: Bench,
    tmp_path: Path,
) -> None:
    site = write_plugin(
        "agekit-misbehave",
        {"evolver": {"misbehave": "misbehave:Misbehave"}},
        {"misbehave.py": EVOLVER},
    )
    (tmp_path / "bad.yaml").write_text(MISBEHAVE)
    rows = "".join(
        f"  - {{label: {how}, recipe: bad.yaml, set: {{evolver.how: {how}}}}}\n" for how in HOW
    )
    rows += (
        "  - {label: diverge, recipe: reg, epochs: 1, set: {data.size: 32, train.amp: fp32, "
        "train.optimizer: {type: SGD, lr: 1.0e+30}, train.schedule: {type: constant}}}\n"
        "  - {label: after, recipe: reg, epochs: 1, init: diverge, set: SET}\n"
        "  - {label: fine, recipe: reg, epochs: 1, set: SET}\n"
    )
    path = write_suite(rows)
    code, answer, err = run_bench("run", path, "--jobs", 2, PYTHONPATH=str(site))
    assert code == 1, err
    assert (answer["done"], answer["failed"], answer["blocked"]) == (1, 4, 1)
    assert "failed: synthfaces_tiny/bad+" in err and "Traceback" not in err

    results = {r.row: r for r in read_files(tmp_path / "bench" / "small").values()}
    kinds = {row: r.error.kind for row, r in results.items() if r.error is not None}
    assert kinds == {
        "raise": "raised",
        "memory": "memory",
        "killed": "killed",
        "diverge": "diverged",
    }
    raised = results["raise"].error
    assert raised is not None
    assert raised.message == "the evolver 'misbehave' fails: something is wrong in CELL/run"
    assert "Traceback" in raised.log and str(tmp_path) not in raised.log
    assert all(r.machine is not None and r.machine.device == "cpu" for r in results.values())
    assert results["fine"].status == "done" and "after" not in results

    code, answer, err = run_bench("run", path, "--resume", PYTHONPATH=str(site))
    assert (code, answer["failed"]) == (1, 4)
    assert "0 to run" in err and "started" not in err

    code, answer, err = run_bench(
        "run", path, "--retry-failed", "--only", "raise", PYTHONPATH=str(site)
    )
    assert code == 1
    again = {r.row: r for r in read_files(tmp_path / "bench" / "small").values()}
    assert again["raise"].started >= results["raise"].started
    assert again["killed"] == results["killed"]


@pytest.mark.slow
def test_a_cell_that_takes_too_long_has_failed(
    write_suite: Callable[..., Path], run_bench: Bench, tmp_path: Path
) -> None:
    path = write_suite("  - {label: long, recipe: reg, epochs: 9999, set: SET}\n")
    began = time.monotonic()
    code, _, err = run_bench("run", path, "--timeout", 2)
    assert code == 1 and "(timeout): not finished after 2 seconds" in err
    assert time.monotonic() - began < 60
    (result,) = read_files(tmp_path / "bench" / "small").values()
    assert result.error is not None and result.error.kind == "timeout"


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Waits until something is so, while a runner is alive."""
    for _ in range(6000):
        if what():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("it never came")


def children_of(out: Path) -> list[int]:
    """The processes of the cells that are being trained."""
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                line = (place / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "agekit_bench.process" in line and str(out) in line:
                found.append(int(place.name))
    return found


@pytest.mark.slow
def test_a_suite_killed_again_and_again_ends_as_one_left_alone(
    write_suite: Callable[..., Path], start_bench: Start, run_bench: Bench, tmp_path: Path
) -> None:
    path = write_suite(
        "  - {label: CEN, recipe: cen, epochs: 2, generations: 2, set: SET}\n"
        "  - {label: reg, recipe: reg, epochs: 2, init: CEN, set: SET}\n"
    )
    code, _, err = run_bench("run", path, "--out", "whole")
    assert code == 0, err

    def epochs() -> int:
        files = (tmp_path / "parts" / "runs").rglob("metrics.jsonl")
        return sum(len(file.read_text().splitlines()) for file in files)

    for count, number in ((1, signal.SIGKILL), (3, signal.SIGTERM), (5, signal.SIGINT)):
        process = start_bench("run", path, "--out", "parts", "--resume")
        wait_for(lambda: epochs() >= count, process)  # noqa: B023
        process.send_signal(number)
        _, err = process.communicate(timeout=120)
        assert process.returncode == {signal.SIGKILL: -9}.get(number, 130), err
        for _ in range(200):
            if not children_of(tmp_path / "parts"):
                break
            time.sleep(0.05)
        assert not children_of(tmp_path / "parts")
    code, answer, err = run_bench("run", path, "--out", "parts", "--resume")
    assert code == 0 and answer["done"] == 2, err

    whole, parts = (read_files(tmp_path / name) for name in ("whole", "parts"))
    assert [p.relative_to(tmp_path / "whole") for p in whole] == [
        p.relative_to(tmp_path / "parts") for p in parts
    ]
    for (one, left), (other, stopped) in zip(whole.items(), parts.items(), strict=True):
        assert same(left) == same(stopped)
        assert left.predictions is not None
        for file in (one, other):
            assert hash_file(file.with_suffix(".parquet")) == left.predictions.sha256
    names = {p.name for p in (tmp_path / "parts").rglob("*") if "runs" not in p.parts}
    assert names == {p.name for p in (tmp_path / "whole").rglob("*") if "runs" not in p.parts}

    cen = next(r for r in parts.values() if r.row == "CEN")
    assert [e.generation for e in cen.evaluations] == [1, 2]
    assert {"mae", "mae@ldl", "mae@reg", "coverage"} <= set(cen.final.metrics)
    assert cen.predictions is not None and cen.predictions.rows == 2 * cen.final.n
    assert cen.facts["initialisation"] == "scratch" and cen.facts["train_faces"] == 376
    reg = next(r for r in parts.values() if r.row == "reg")
    assert reg.facts["initialisation"] == "cen-resnet10-tiny-synthfaces"
    assert str(tmp_path) not in json.dumps(reg.model_dump(mode="json"))


@pytest.fixture
def runners(start_bench: Start) -> Iterator[list[subprocess.Popen[str]]]:
    """Runners that are ended with the test."""
    found: list[subprocess.Popen[str]] = []
    yield found
    for process in found:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_runners_train_no_cell_twice(
    write_suite: Callable[..., Path],
    start_bench: Start,
    runners: list[subprocess.Popen[str]],
    tmp_path: Path,
) -> None:
    path = write_suite(
        "  - {label: one, recipe: reg, epochs: 1, set: SET}\n"
        "  - {label: two, recipe: ldl, epochs: 1, set: SET}\n"
        "cross: [{dataset: folder, split: all}]\n"
    )
    for age in range(20, 40):
        write_face(tmp_path / "faces" / str(age) / "a.png", age, seed=age)
    for _ in range(2):
        runners.append(
            start_bench("run", path, "--resume", "--root", f"folder={tmp_path / 'faces'}")
        )
    for process in runners:
        out, err = process.communicate(timeout=1200)
        assert process.returncode == 0, err
        assert "2 done" in out
    logs = list((tmp_path / "bench" / "small" / "runs").rglob("output.log"))
    assert len(logs) == 2
    assert [log.read_text().count("generation 1\n") for log in logs] == [1, 1]
    for result in read_files(tmp_path / "bench" / "small").values():
        own, other = result.evaluations
        assert (own.protocol, own.alignment, own.margin) == ("synthfaces:tiny", None, None)
        assert (other.protocol, other.n) == ("folder:auto", 20)
        assert other.alignment in ("chips", "five-points") and other.margin is not None
        assert own.data_alignment == own.shown_alignment == SynthFaces.alignment
        assert other.shown_alignment is not None and other.remarks


@pytest.mark.slow
def test_cells_run_as_jobs_of_a_cluster(
    write_suite: Callable[..., Path], run_bench: Bench, tmp_path: Path
) -> None:
    pytest.importorskip("submitit")
    path = write_suite("  - {label: one, recipe: reg, epochs: 1, set: SET}\n")
    code, _, err = run_bench("run", path, "--cluster", "local", "--slurm", "colour=red")
    assert code == 1 and "submitit cannot use the cluster 'local' so" in err
    code, answer, err = run_bench(
        "run", path, "--cluster", "local", "--slurm", "timeout_min=30", "--resume"
    )
    assert code == 0 and answer["done"] == 1, err
    (result,) = read_files(tmp_path / "bench" / "small").values()
    assert result.status == "done"
