"""What a service does, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """The options of a call; the command says what they mean.

    Args:
        connections: how many may be open at once; more are answered with 503.
        answer_within: seconds that a request may wait for the model.
    """

    model: str | None = None
    ager: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    max_bytes: int = 20_000_000
    max_files: int = 16
    max_pixels: int = 50_000_000
    max_waiting: int = 32
    timeout: float = 15.0
    batch_size: int = 16
    runtime: Literal["auto", "onnx", "torch"] = "auto"
    device: str = "auto"
    connections: int = 512
    answer_within: float = 60.0

    @property
    def room(self) -> int:
        """Bytes of requests that may be in memory at once."""
        return 8 * self.max_bytes
