"""The energy a GPU uses, where NVIDIA's management library tells."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Energy"]


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
