"""The contracts of what trains a network, as tests: optimizers, schedules, hooks."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from types import SimpleNamespace
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import Tensor, nn

from agekit.training.schedule import Span
from agekit_testkit.checks.modules import drawn, no_host_sync
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["check_hook", "check_optimizer", "check_schedule"]

_STEPS = 3
_LR = 0.5
_SPANS = ((1, 1), (2, 3), (10, 4))


def check_optimizer(
    part: Part,
    *,
    arguments: Mapping[str, object] | None = None,
    lr: float = 0.01,
    device: str = "cpu",
) -> None:
    """Checks that an optimizer keeps its contract: torch's, with a rate for each group.

    It takes parameters, or groups of them, and ``lr``; a step moves every weight that has a
    gradient and no other, and reads nothing back from the device; what it remembers can be saved
    and loaded, so that a resumed run goes on exactly.

    Args:
        part: its registry name, or the class.
        arguments: its keyword arguments, as a recipe gives them.
        lr: the learning rate to try it with.
        device: where to run it.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("optimizer", part, {"lr": lr, **(arguments or {})})
    with drawn():
        model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2)).to(device)
        batches = torch.randn(2 * _STEPS, 4, 6).to(device)
    before = deepcopy(model.state_dict())
    optimizer = _built(subject, model)
    with no_host_sync(torch.device(device)):
        _train(subject, model, optimizer, batches[:_STEPS])
    for name, value in model.state_dict().items():
        subject.require(bool(value.isfinite().all()), "its steps make weights not finite")
        subject.require(not torch.equal(value, before[name]), f"its steps leave {name} as it was")
    resumed = deepcopy(model)
    other = _built(subject, resumed)
    with subject.doing("loading its own state"):
        other.load_state_dict(deepcopy(optimizer.state_dict()))
    _train(subject, model, optimizer, batches[_STEPS:])
    _train(subject, resumed, other, batches[_STEPS:])
    same = all(
        torch.equal(one, two)
        for one, two in zip(model.parameters(), resumed.parameters(), strict=True)
    )
    subject.require(same, "one that loads its state goes on otherwise: keep all it needs in state")
    still = deepcopy(model)
    frozen = _built(subject, still, groups=True)
    frozen.param_groups[0]["lr"] = 0.0
    kept = deepcopy(still[0].state_dict())
    _train(subject, still, frozen, batches[:1])
    unmoved = all(torch.equal(value, kept[name]) for name, value in still[0].state_dict().items())
    subject.require(unmoved, "a group whose lr is 0 moves: take the rate of each group")


def _built(subject: Subject, model: nn.Sequential, *, groups: bool = False) -> Any:
    parameters: Any = list(model.parameters())
    if groups:
        parameters = [{"params": list(layer.parameters())} for layer in (model[0], model[2])]
    optimizer = subject.build(parameters)
    subject.require(
        isinstance(optimizer, torch.optim.Optimizer), "it gives no torch.optim.Optimizer"
    )
    return optimizer


def _train(subject: Subject, model: nn.Module, optimizer: Any, batches: Tensor) -> None:
    for batch in batches:
        loss: Tensor = model(batch).square().mean()
        torch.autograd.backward(loss)
        with subject.doing("a step"):
            optimizer.step()
        optimizer.zero_grad()


def check_schedule(
    part: Part,
    *,
    arguments: Mapping[str, object] | None = None,
    spans: Sequence[tuple[int, int]] = _SPANS,
) -> None:
    """Checks that a schedule keeps its contract: a `Span` to mmengine's parameter schedulers.

    They can be built, and the rate of every step is a finite number of 0 or more.

    Args:
        part: its registry name, or the function.
        arguments: its keyword arguments, as a recipe gives them.
        spans: epochs and steps an epoch to try it on.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("schedule", part, arguments)
    for epochs, steps in spans:
        wrapper = OptimWrapper(torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=_LR))
        made = subject.build(Span(epochs, steps, [_LR]))
        listed = isinstance(made, list) and all(isinstance(one, Mapping) for one in made)
        subject.require(listed, f"it gives {made!r}, not a list of mmengine's configurations")
        where = f"{epochs} epochs of {steps} steps"
        with subject.doing(f"building {made} for {where}"):
            built = [
                PARAM_SCHEDULERS.build(dict(one), default_args={"optimizer": wrapper})
                for one in made
            ]
        for step in range(epochs * steps):
            (rate,) = wrapper.get_lr()["lr"]
            subject.require(
                math.isfinite(rate) and rate >= 0,
                f"its rate is {rate} at step {step} of {where}",
            )
            wrapper.step()
            for one in built:
                if not one.by_epoch or (step + 1) % steps == 0:
                    one.step()


def check_hook(
    part: Part,
    *,
    arguments: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Checks that a hook keeps its contract: mmengine's, with a state that a checkpoint can hold.

    It is shown two epochs of two steps, each validated, and adds nothing to a checkpoint but
    tensors and plain values.

    Args:
        part: its registry name, or the class.
        arguments: its keyword arguments, as a recipe gives them.
        metrics: what the validations measure; else ``val/mae``.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("hook", part, arguments)
    hook = subject.build()
    subject.require(isinstance(hook, Hook), "it gives no mmengine.hooks.Hook")
    model = nn.Linear(1, 1)
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=_LR))
    loop = SimpleNamespace(stop_training=False)
    runner: Any = SimpleNamespace(
        model=model, optim_wrapper=wrapper, train_loop=loop, val_loop=loop, epoch=0, iter=0,
        max_epochs=2, train_dataloader=range(2), val_dataloader=range(1), param_schedulers=[],
        logger=SimpleNamespace(info=lambda *_: None),
    )  # fmt: skip
    with subject.doing("a training of two epochs"):
        hook.before_run(runner)
        hook.before_train(runner)
        for _ in range(2):
            _epoch(hook, runner, dict(metrics or {"val/mae": 5.0}))
    state: dict[str, Any] = {}
    with subject.doing("saving a checkpoint"):
        hook.before_save_checkpoint(runner, state)
        saved = io.BytesIO()
        torch.save(state, saved)
        torch.load(io.BytesIO(saved.getvalue()), weights_only=True)
    with subject.doing("going on from its checkpoint"):
        hook.after_load_checkpoint(runner, state)
        hook.after_train(runner)
        hook.after_run(runner)


def _epoch(hook: Hook, runner: Any, metrics: dict[str, float]) -> None:
    hook.before_train_epoch(runner)
    for index in range(2):
        hook.before_train_iter(runner, index, [index])
        hook.after_train_iter(runner, index, [index], {"loss": torch.zeros(())})
        runner.iter += 1
    hook.after_train_epoch(runner)
    runner.epoch += 1
    hook.before_val_epoch(runner)
    hook.before_val_iter(runner, 0, [0])
    hook.after_val_iter(runner, 0, [0], [])
    hook.after_val_epoch(runner, metrics)
