"""The state of a generation in training: saved after every epoch, whole, and resumed exactly."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import Runner

from agekit.atomic import write_bytes
from agekit.errors import ModelError

__all__ = ["load_checkpoint", "restore", "save_checkpoint"]


def _scheduler_state(scheduler: Any) -> dict[str, Any]:
    """The counters and values of a scheduler; what it was built from is in the recipe."""
    plain = (int, float, bool, str)
    return {
        key: value
        for key, value in scheduler.state_dict().items()
        if isinstance(value, plain)
        or (isinstance(value, list) and all(isinstance(v, plain) for v in value))
    }


def _schedulers(runner: Runner) -> list[Any]:
    """The schedulers, those of several optimisers one after another."""
    found = runner.param_schedulers or []
    if isinstance(found, dict):
        return [scheduler for each in found.values() for scheduler in each]
    return list(found)


def save_checkpoint(path: Path, runner: Runner, epoch: int, step: int) -> None:
    """Writes everything that the rest of the generation depends on.

    Args:
        path: the file.
        runner: the runner, between two epochs.
        epoch: finished epochs.
        step: finished steps.
    """
    checkpoint: dict[str, Any] = {
        "epoch": epoch,
        "step": step,
        "state_dict": dict(runner.model.state_dict()),
        "optimizer": runner.optim_wrapper.state_dict(),
        "schedulers": [_scheduler_state(s) for s in _schedulers(runner)],
        "random": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        checkpoint["random_cuda"] = torch.cuda.get_rng_state_all()
    runner.call_hook("before_save_checkpoint", checkpoint=checkpoint)
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    write_bytes(path, buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint at `path`, or None where there is none.

    Raises:
        ModelError: the file is not one of ours or is damaged.
    """
    if not path.exists():
        return None
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(
            f"the checkpoint {path} cannot be read: {error}",
            "delete it to train this generation anew",
        ) from error
    return checkpoint


def restore(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Puts a runner, about to train, where the checkpoint was made."""
    runner._resume = True
    runner.call_hook("after_load_checkpoint", checkpoint=checkpoint)
    runner.model.load_state_dict(checkpoint["state_dict"])
    runner.optim_wrapper.load_state_dict(checkpoint["optimizer"])
    for scheduler, state in zip(_schedulers(runner), checkpoint["schedulers"], strict=True):
        scheduler.load_state_dict(state)
    runner.train_loop._epoch = checkpoint["epoch"]
    runner.train_loop._iter = checkpoint["step"]
    torch.set_rng_state(checkpoint["random"])
    if "random_cuda" in checkpoint and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(checkpoint["random_cuda"])
