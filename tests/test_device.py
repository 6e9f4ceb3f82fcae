"""Which device computes, how a broken one is told, and what processes do for each other."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from agekit import device as module
from agekit.device import float32_kind, float32_products, pick_device, seeded
from agekit.errors import ConfigError


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What was found out of GPUs is forgotten before and after."""
    for remembered in (module._fault_of_gpu, module._tell_once):
        remembered.cache_clear()
    yield
    for remembered in (module._fault_of_gpu, module._tell_once):
        remembered.cache_clear()


def gpus(monkeypatch: pytest.MonkeyPatch, count: int, *, warns: str = "") -> None:
    def there() -> bool:
        if warns:
            import warnings

            warnings.warn(warns, stacklevel=2)
        return count > 0

    monkeypatch.setattr(torch.cuda, "is_available", there)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)
    monkeypatch.delenv("LOCAL_RANK", raising=False)


def apple(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: there)


def works(monkeypatch: pytest.MonkeyPatch, error: Exception | None = None) -> list[str]:
    """Has the trial of a GPU succeed, or fail; gives the devices that are tried."""
    tried: list[str] = []

    def ones(size: int, device: str) -> torch.Tensor:
        tried.append(device)
        if error is not None:
            raise error
        return torch.zeros(size)

    monkeypatch.setattr(torch, "ones", ones)
    return tried


def test_auto_takes_cuda_then_mps_then_the_cpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpus(monkeypatch, 0)
    apple(monkeypatch, False)
    assert pick_device("auto") == torch.device("cpu")
    apple(monkeypatch, True)
    assert pick_device("auto") == torch.device("mps")
    assert pick_device("mps") == torch.device("mps")
    module._fault_of_gpu.cache_clear()
    gpus(monkeypatch, 2)
    works(monkeypatch)
    assert pick_device("auto") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert pick_device("auto") == torch.device("cuda", 1)
    assert pick_device("cuda:0") == torch.device("cuda", 0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: no kernel image is available\nCUDA kernel errors might be"),
        RuntimeError("CUDA error: out of memory"),
        torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
        AssertionError("Torch not compiled with CUDA enabled"),
    ],
)
def test_a_gpu_that_does_not_work_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    gpus(monkeypatch, 1)
    apple(monkeypatch, False)
    tried = works(monkeypatch, error)
    for _ in range(2):
        assert pick_device("auto") == torch.device("cpu")
        with pytest.raises(ConfigError, match="and cuda:0 does not work: ") as caught:
            pick_device("cuda")
    assert "--device cpu" in caught.value.hint
    told = capsys.readouterr().err
    assert told.startswith("note: the CPU computes: cuda:0 does not work: ")
    assert told.count("\n") == 1
    assert tried == ["cuda:0"], "it is tried once"


def test_a_driver_that_torch_cannot_use_is_told_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gpus(monkeypatch, 0, warns="CUDA initialization: the driver is too\nold")
    apple(monkeypatch, False)
    assert pick_device("auto") == torch.device("cpu")
    why = "torch finds 0 GPUs here (CUDA initialization: the driver is too old)"
    assert capsys.readouterr().err == f"note: the CPU computes: {why}; --device cpu asks for it\n"
    with pytest.raises(ConfigError, match="the driver is too old"):
        pick_device("cuda")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    gpus(monkeypatch, 0)
    with pytest.raises(ConfigError, match=f"'{name}' was asked for, and torch finds 0 GPUs here\n"):
        pick_device(name)


@pytest.mark.parametrize("name", ["mps", "xla", "meta", "gpu", "cuda:x", ""])
def test_so_is_any_other_device(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    apple(monkeypatch, False)
    with pytest.raises(ConfigError):
        pick_device(name)


def test_float32_is_exact_but_in_trainings(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, cpu = torch.device("cuda", 0), torch.device("cpu")
    kinds = [float32_kind(amp, gpu) for amp in ("auto", "bf16", "fp32")]
    assert kinds == ["tf32", "tf32", "ieee"]
    assert float32_kind("auto", cpu) == "ieee"
    seen = []

    def look() -> None:
        seen.append((torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32))

    before = torch.backends.cudnn.allow_tf32
    try:
        for kind in ("tf32", "ieee"):
            with float32_products(kind, gpu):
                look()
            look()
        with pytest.raises(KeyError), float32_products("tf32", gpu):
            raise KeyError
        look()
    finally:
        torch.backends.cudnn.allow_tf32 = before
    assert seen == [("high", True), *[("highest", False)] * 4]


def test_random_numbers_of_a_seed_leave_all_others_as_they_are() -> None:
    torch.manual_seed(1)
    wanted = torch.rand(2)
    torch.manual_seed(1)
    with seeded(7):
        first = torch.rand(2)
    with seeded(7):
        assert torch.rand(2).equal(first)
    assert torch.rand(2).equal(wanted)


PROCESSES = """
import torch
from agekit.device import close_processes, from_main, init_processes, rank_and_world
from agekit.errors import AgekitError, DataError
init_processes(torch.device("cpu"))
rank, _ = rank_and_world()
print(from_main(lambda: f"made by {rank}"))
def fail():
    raise DataError("the disk is full")
try:
    from_main(fail)
except AgekitError as error:
    print(type(error).__name__, error.message)
close_processes()
"""


@pytest.mark.slow
def test_where_the_first_process_fails_the_others_end_too() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    own = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESSES],
            env={**os.environ, **own, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0].splitlines() for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert said[0] == ["made by 0", "DataError the disk is full"]
    assert said[1][0] == "made by 0"
    assert said[1][1] == (
        "AgekitError process 1 ends, as the first one failed: DataError: the disk is full"
    )


def test_compiling_leaves_out_that_there_is_no_cuda_runtime_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = logging.getLogger("torch.utils.cpp_extension")
    log.warning("No CUDA runtime is found, using CUDA_HOME='%s'", "/usr/local/cuda")
    log.warning("no C++ compiler")
    assert [record.getMessage() for record in caplog.records] == ["no C++ compiler"]
