"""Throughput and memory: what is measured, and what happens where memory is lacking."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import torch
from agekit_bench.result import Machine
from agekit_bench.speed.timing import BLOCKS, FEWEST, attempt, measure
from agekit_bench.speed.workload import Asked, Inference, Training, Workload, workloads

from agekit.errors import ConfigError
from tests import warm

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
SMALL = ("--batch-sizes", "2,4", "--size", "32", "--seconds", "0.1", "--device", "cpu")


@dataclass(frozen=True)
class Sleeping(Workload):
    """Takes a known time for an image, and no batch above a limit."""

    phase = "infer"

    limit: int = 1000
    batches: list[int] = field(default_factory=list)

    def prepare(self, batch: int, device: torch.device) -> tuple[Callable[[], object], int]:
        self.batches.append(batch)
        if batch > self.limit:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return lambda: time.sleep(0.002 * batch), 7


def sleeping(limit: int = 1000) -> Sleeping:
    return Sleeping("sleeping", "recipe", 32, None, limit)


@pytest.mark.slow
def test_throughput_is_images_over_time() -> None:
    found = measure(sleeping(), 10, CPU, seconds=0.3)
    assert found.images_per_second is not None and found.milliseconds is not None
    assert 100 < found.images_per_second.median <= 500
    assert 20 <= found.milliseconds.median < 100
    for quartiles in (found.images_per_second, found.milliseconds):
        assert quartiles.q1 <= quartiles.median <= quartiles.q3
    assert FEWEST <= found.blocks <= BLOCKS
    assert (found.parameters, found.note, found.error) == (7, "", None)


@pytest.mark.parametrize(("limit", "measured"), [(8, 8), (12, 10), (1, 1)])
def test_lacking_memory_halves_the_batch_and_says_so(limit: int, measured: int) -> None:
    asked = 64 if limit in (1, 8) else 40
    workload = sleeping(limit)
    found = measure(workload, asked, CPU, seconds=0.05)
    assert all(after == before // 2 for before, after in pairwise(workload.batches))
    assert (found.asked, found.batch_size) == (asked, measured)
    assert found.note == f"out of memory at a batch of {2 * measured}; halved"
    assert found.images_per_second is not None


def test_where_one_image_is_too_much_there_is_an_error() -> None:
    found = measure(sleeping(0), 4, CPU, seconds=0.05)
    assert found.images_per_second is None
    assert found.error is not None and found.error.startswith("out of memory at a batch of 1: ")


LIMITED = """
import resource
import torch
from agekit_bench.speed.timing import measure
from agekit_bench.speed.workload import Asked, workloads
torch.set_num_threads(1)
(workload,) = workloads("reg-resnet10-tiny", Asked(("infer",), 64))
measure(workload, 1, torch.device("cpu"), seconds=0.05)
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 150 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
found = measure(workload, 1024, torch.device("cpu"), seconds=0.05)
print(found.asked, found.batch_size, found.note)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory")
def test_a_process_without_memory_halves_until_it_fits() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    asked, batch, note = done.stdout.strip().split(" ", 2)
    assert asked == "1024"
    assert int(batch) < 1024
    assert note == f"out of memory at a batch of {2 * int(batch)}; halved"


def test_other_errors_are_not_taken_for_lacking_memory() -> None:
    (workload,) = workloads("reg-resnet10-tiny", Asked(("infer",), 32))

    class Broken(Sleeping):
        def prepare(self, batch: int, device: torch.device) -> tuple[Callable[[], object], int]:
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        measure(Broken("broken", "recipe", 32, None), 4, CPU)
    tried = attempt(Broken("broken", "recipe", 32, None), 4, CPU)
    assert (tried.error, tried.asked) == ("ValueError: broken", 4)
    assert isinstance(workload, Inference)


def test_a_recipe_is_trained_and_inferred_and_an_ager_inferred_alone() -> None:
    assert [w.phase for w in workloads("cen-resnet10-tiny")] == ["train", "infer"]
    assert [w.phase for w in workloads("cyclegan")] == ["infer"]
    (training,) = workloads("cen-resnet10-tiny", Asked(("train",), 48, "quick"))
    assert isinstance(training, Training)
    assert training.size == 48
    with pytest.raises(ConfigError, match="cannot be measured"):
        workloads("cyclegan", Asked(("train",)))


def test_a_training_step_changes_the_weights() -> None:
    (training,) = workloads("reg-resnet10-tiny", Asked(("train",), 32))
    run, parameters = training.prepare(4, CPU)
    first, second = run(), run()
    assert isinstance(first, dict) and isinstance(second, dict)
    assert first["loss"] != second["loss"]
    assert parameters > 1_000_000


def agekit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return warm.run("bench", "speed", *arguments, env={**os.environ, "OMP_NUM_THREADS": "1"})


def test_the_command_answers_in_json_and_keeps_it(tmp_path) -> None:
    out = tmp_path / "deep" / "speed.json"
    done = agekit("reg-resnet10-tiny", *SMALL, "--dtype", "bf16", "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert json.loads(out.read_text(encoding="utf-8")) == answer
    machine = Machine.model_validate(answer["machine"])
    assert (machine.device, machine.threads) == ("cpu", 1)
    assert {"torch", "python", "agekit"} <= machine.versions.keys()
    rows = answer["measurements"]
    asked = [(row["phase"], row["asked"], row["size"], row["dtype"]) for row in rows]
    assert asked == [(p, n, 32, "bf16") for p in ("train", "infer") for n in (2, 4)]
    for row in rows:
        assert row["images_per_second"]["median"] > 0
        assert row["peak_memory"]["rss"] > 50e6
        assert row["error"] is None


def test_the_zoos_default_is_inferred_where_nothing_is_named() -> None:
    done = agekit(*SMALL, "--batch-sizes", "1")
    assert done.returncode == 0, done.stderr
    assert "threads, torch" in done.stdout
    assert "infer" in done.stdout and "train" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("reg-resnet10-tyni",), 1, "did you mean"),
        (("reg-resnet10-tiny", "--train", "--batch-sizes", "1"), 1, "nothing is left to measure"),
        (("reg-resnet10-tiny", "--batch-sizes", "1,x"), 2, "not a list of whole numbers"),
        (("reg-resnet10-tiny", "--batch-sizes", "0"), 2, "not a list of whole numbers"),
        (("reg-resnet10-tiny", "--dtype", "fp8"), 2, "fp8"),
    ],
)
def test_mistakes_are_said_in_words(arguments: tuple[str, ...], code: int, said: str) -> None:
    done = agekit(*arguments, "--device", "cpu")
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
