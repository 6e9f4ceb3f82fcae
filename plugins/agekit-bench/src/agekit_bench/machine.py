"""The surroundings of a cell: machine, versions, the state of the code, the energy of its GPU."""

from __future__ import annotations

import subprocess
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import agekit
from agekit.discovery import distributions
from agekit_bench.result import CodeState, Machine

if TYPE_CHECKING:
    import torch

__all__ = ["Energy", "code_state", "machine"]


_LIBRARIES = ("numpy", "pyarrow", "safetensors", "torchvision")
_SOURCES = ("agekit", "plugins", "pyproject.toml")


def code_state() -> CodeState | None:
    """The commit of the checkout that agekit runs from; None where it runs from no checkout.

    Clean means that nothing in the folders of sources differs from the commit. The repository's
    address is not looked at.
    """
    checkout = Path(agekit.__file__).resolve().parents[1]
    if not (checkout / "pyproject.toml").is_file():
        return None
    top = _git(checkout, "rev-parse", "--show-toplevel")
    commit = _git(checkout, "rev-parse", "HEAD")
    if top is None or commit is None or Path(top).resolve() != checkout:
        return None
    changed = _git(checkout, "status", "--porcelain", "--", *_SOURCES)
    return CodeState(commit=commit, clean=changed == "")


def machine(device: torch.device) -> Machine:
    """The machine that a cell runs on."""
    from agekit.device import describe_device

    told = describe_device(device)
    versions = {name: told[name] for name in ("agekit", "mmengine", "python", "timm", "torch")}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    versions |= {d.name: d.version for d in distributions() if not d.disabled}
    if told.get("cuda"):
        versions["cuda"] = told["cuda"]
    return Machine(
        device=device.type,
        name=told["device_name"],
        driver=_driver() if device.type == "cuda" else None,
        threads=told["threads"],
        versions=dict(sorted(versions.items())),
    )


def _driver() -> str | None:
    text = _output("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return text.splitlines()[0].strip() if text else None


def _git(folder: Path, *arguments: str) -> str | None:
    return _output("git", "--no-optional-locks", "-C", str(folder), *arguments)


def _output(*command: str) -> str | None:
    """The output of a command; None where it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


class Energy:
    """Counts the joules of one GPU from when it is made; other processes' on that GPU too.

    Args:
        device: a CPU tells nothing, nor does a GPU without ``pynvml`` or a counter.
    """

    def __init__(self, device: torch.device) -> None:
        self._nvml: Any = None
        self._gpu: Any = None
        self._start: int | None = None
        if device.type == "cuda":
            self._open(device)

    def joules(self) -> float | None:
        """Since it was made; None where nothing tells."""
        now = self._read()
        return None if now is None or self._start is None else (now - self._start) / 1000

    def _open(self, device: torch.device) -> None:
        import torch

        try:
            self._nvml = import_module("pynvml")
        except ImportError:
            return
        try:
            self._nvml.nvmlInit()
            uuid = torch.cuda.get_device_properties(device).uuid
            self._gpu = self._nvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
        except (AttributeError, self._nvml.NVMLError):
            return
        self._start = self._read()

    def _read(self) -> int | None:
        """Millijoules since the driver was loaded."""
        if self._gpu is None:
            return None
        try:
            return int(self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._gpu))
        except self._nvml.NVMLError:
            return None
