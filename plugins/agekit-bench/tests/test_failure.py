from __future__ import annotations

import signal

import numpy as np
import pytest
import torch
from agekit_bench.failure import classify, ended, oom_kills

from agekit.errors import ConfigError, TrainingError


def lack_python() -> None:
    bytearray(1 << 62)


def lack_numpy() -> None:
    np.zeros(1 << 58)


def lack_torch() -> None:
    torch.empty(1 << 60)


def lack_cuda() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("lack", [lack_python, lack_numpy, lack_torch, lack_cuda])
def test_want_of_memory_is_seen_whoever_says_so(lack) -> None:
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        lack()
    kind, message = classify(caught.value)
    assert kind == "memory"
    assert message.startswith(type(caught.value).__name__)
    with pytest.raises(ConfigError) as wrapped:
        try:
            lack()
        except (MemoryError, RuntimeError) as error:
            raise ConfigError("the loss cannot be computed") from error
    assert classify(wrapped.value)[0] == "memory"


def test_divergence_is_told_from_other_ends_of_training() -> None:
    diverged = TrainingError("the loss (l1) is not finite in generation 1", "lower the rate")
    assert classify(diverged) == ("diverged", "the loss (l1) is not finite in generation 1")
    assert classify(TrainingError("the loss needs an ancestor"))[0] == "raised"
    assert classify(ValueError("a\n  b")) == ("raised", "ValueError: a b")
    assert classify(KeyError()) == ("raised", "KeyError")


def test_a_silent_end_is_told_by_its_signal() -> None:
    assert ended(3, 0, 0) == ("raised", "the process ended with exit code 3")
    kind, message = ended(-signal.SIGKILL, 4, 5)
    assert (kind, "want of memory" in message) == ("memory", True)
    kind, message = ended(-signal.SIGKILL, 4, 4)
    assert (kind, "SIGKILL" in message) == ("killed", True)
    assert ended(-signal.SIGSEGV, 0, 0)[1] == "the process was killed by SIGSEGV"
    assert oom_kills() >= 0
