"""The contract of optimizers, as a test."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from agekit.testing.modules import drawn, no_host_sync
from agekit.testing.subject import Part, Subject

__all__ = ["check_optimizer"]

_STEPS = 3


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
