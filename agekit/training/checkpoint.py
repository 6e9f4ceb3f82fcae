"""The state of a generation in training: saved after every epoch, whole, and resumed exactly."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import torch
from mmengine.runner import Runner

from agekit.errors import ModelError, one_line
from agekit.training.run import Run

__all__ = ["load_checkpoint", "restore", "save_checkpoint"]


def _schedulers(runner: Runner) -> list[Any]:
    """The schedulers, those of several optimisers one after another."""
    found = runner.param_schedulers or []
    if isinstance(found, dict):
        return [scheduler for each in found.values() for scheduler in each]
    return list(found)


def save_checkpoint(
    run: Run, path: Path, runner: Runner, epoch: int, step: int, best: Path | None = None
) -> None:
    """Writes everything that the rest of the generation depends on.

    Args:
        run: the run.
        path: the file in its folder.
        runner: the runner, between two epochs.
        epoch: finished epochs.
        step: finished steps.
        best: where the weights go too, written before, if they are the best ones so far.
    """
    checkpoint: dict[str, Any] = {
        "epoch": epoch,
        "step": step,
        "state_dict": dict(runner.model.state_dict()),
        "optimizer": runner.optim_wrapper.state_dict(),
        "random": torch.get_rng_state(),
    }
    device = next(runner.model.parameters()).device
    if device.type == "cuda":
        checkpoint["random_cuda"] = torch.cuda.get_rng_state(device)
    runner.call_hook("before_save_checkpoint", checkpoint=checkpoint)
    if best is not None:
        _write(run, best, {"epoch": epoch, "state_dict": checkpoint["state_dict"]})
    _write(run, path, checkpoint)


def _write(run: Run, path: Path, state: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    run.write(path, buffer.getbuffer())


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """The checkpoint at `path`, or None where there is none.

    Raises:
        ModelError: the file is not one of ours or is damaged.
    """
    if not path.exists():
        return None
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        int(checkpoint["epoch"])
    except Exception as error:
        raise ModelError(
            f"the checkpoint {path} cannot be read: {error}",
            "delete it to train this generation anew",
        ) from error
    return checkpoint


def restore(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Puts a runner, about to train, where the checkpoint was made.

    The schedules are followed anew up to there, by the runner's own recipe: they may be of more
    epochs than when the checkpoint was made.

    Raises:
        ModelError: it is of another training.
    """
    try:
        _restore(runner, checkpoint)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"the checkpoint in {runner.work_dir} is not of this training: {one_line(error)}",
            "delete it to train this generation anew",
        ) from error


def _restore(runner: Runner, checkpoint: dict[str, Any]) -> None:
    runner._resume = True
    runner.call_hook("after_load_checkpoint", checkpoint=checkpoint)
    runner.model.load_state_dict(checkpoint["state_dict"])
    schedulers = _schedulers(runner)
    for scheduler in schedulers:
        _follow(scheduler, checkpoint["epoch" if scheduler.by_epoch else "step"])
    # Loading puts the groups of the checkpoint in the place of these, with its plan of the rates.
    planned = [
        [
            {key: group[key] for key in group if key != "params"}
            for group in each.optimizer.param_groups
        ]
        for each in schedulers
    ]
    runner.optim_wrapper.load_state_dict(checkpoint["optimizer"])
    for scheduler, values in zip(schedulers, planned, strict=True):
        for group, value in zip(scheduler.optimizer.param_groups, values, strict=True):
            group.update(value)
    runner.train_loop._epoch = checkpoint["epoch"]
    runner.train_loop._iter = checkpoint["step"]
    torch.set_rng_state(checkpoint["random"])
    device = next(runner.model.parameters()).device
    if device.type == "cuda" and "random_cuda" in checkpoint:
        state = checkpoint["random_cuda"]
        # Older checkpoints hold the states of all the GPUs that there were.
        torch.cuda.set_rng_state(state if isinstance(state, torch.Tensor) else state[0], device)


def _follow(scheduler: Any, steps: int) -> None:
    """Steps a new scheduler, without the optimiser that mmengine warns is not stepped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for _ in range(steps):
            scheduler.step()
