"""What agekit asks of a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

import torch
from torch import Tensor

from agekit.tasks.estimator.base import Loss
from agekit.tasks.estimator.target import Target
from agekit.testing.head import LABEL_AGES
from agekit.testing.modules import check_tensor, drawn, no_host_sync
from agekit.testing.subject import Part, Subject

__all__ = ["check_loss"]

Raw = Callable[[int, tuple[int, int]], Tensor]
_N = 12


def check_loss(
    part: Part,
    *,
    head: Part | None = None,
    head_arguments: Mapping[str, object] | None = None,
    raw: Raw | None = None,
    arguments: Mapping[str, object] | None = None,
    ages: Sequence[tuple[int, int]] = LABEL_AGES,
    in_features: int = 32,
    device: str = "cpu",
    meta: bool = True,
) -> None:
    """Checks that a loss keeps its contract: raw output and true ages to one scalar.

    The mean over the batch in float32, finite for the first and the last label age, for large
    outputs and for those of half precision; a gradient that is finite and not all zero; no value
    read back from the device.

    Args:
        part: its registry name, or the class.
        head: the head whose output it takes, by name or as a class.
        head_arguments: the head's keyword arguments.
        raw: in place of a head, gives random raw output (N, ...) for N and the label ages.
        arguments: its keyword arguments, as a recipe gives them.
        ages: the label ages to try it with.
        in_features: the length of the head's features.
        device: where to run it.
        meta: whether to run it on torch's meta device too; see `check_backbone`.

    Raises:
        AssertionError: saying what is wrong.
    """
    subject = Subject("loss", part, arguments)
    if raw is None:
        subject.require(head is not None, "say which head it is for, head=..., or give raw=...")
        raw = _of_head(head or "", head_arguments, in_features)
    for pair in ages:
        label = subject.label
        subject.label = f"{label}, label ages {pair[0]}-{pair[1]}"
        with drawn():
            outputs = [raw(_N, pair).detach().to(device) for _ in range(2)]
        _check(subject, outputs[0], outputs[1], _target(pair, device), meta)
        subject.label = label


def _of_head(head: Part, arguments: Mapping[str, object] | None, in_features: int) -> Raw:
    given = Subject("head", head, arguments)

    def raw(n: int, ages: tuple[int, int]) -> Tensor:
        with given.doing("a forward pass"):
            out: Tensor = given.build(in_features, ages)(torch.randn(n, in_features))
        return out

    return raw


def _target(ages: tuple[int, int], device: str) -> Target:
    """Faces from the first to the last label age, some between two, half with a known spread."""
    age = torch.linspace(float(ages[0]), float(ages[1]), _N).round()
    age[1::3] += 0.4
    sigma = torch.full((_N,), math.nan)
    sigma[::2] = 2.5
    return Target(age.to(device), sigma.to(device), ages)


def _check(subject: Subject, raw: Tensor, other: Tensor, target: Target, meta: bool) -> None:
    needs = subject.factory.needs_ancestor  # type: ignore[attr-defined]
    ancestor = other if needs else None

    def value(raw: Tensor, target: Target, ancestor: Tensor | None) -> Tensor:
        loss: Loss = subject.build()
        with subject.doing(f"the loss of raw output {tuple(raw.shape)} in {raw.dtype}"):
            out: Tensor = loss.to(raw.device)(raw, target, ancestor)
        return out

    leaf = raw.clone().requires_grad_()
    kept = raw.clone()
    with no_host_sync(raw.device):
        scalar = value(leaf, target, ancestor)
        _check_scalar(subject, scalar, raw)
        with subject.doing("its gradient"):
            torch.autograd.backward(scalar)
    check_tensor(subject, "its values", scalar.detach(), (), like=raw)
    gradient = leaf.grad
    flows = gradient is not None and bool(gradient.isfinite().all() and gradient.any())
    subject.require(flows, "its gradient is missing, not finite, or zero for every face")
    subject.require(torch.equal(leaf.detach(), kept), "it changes the raw output in place")
    subject.require(
        torch.equal(value(raw, target, ancestor), scalar.detach()),
        "a second one gives another value for the same batch",
    )
    _check_mean(subject, value, raw, target, ancestor)
    for dtype in (torch.bfloat16, torch.float16):
        half = value(raw.to(dtype), target, None if ancestor is None else ancestor.to(dtype))
        check_tensor(subject, f"its values for {dtype} output", half, (), like=raw)
    large = (raw * 1000).requires_grad_()
    with subject.doing("its gradient for large outputs"):
        far = value(large, target, ancestor)
        torch.autograd.backward(far)
    calm = large.grad is not None and bool(large.grad.isfinite().all() and far.isfinite())
    subject.require(calm, "outputs a thousand times as large make it or its gradient not finite")
    with subject.doing("copying it"):
        deepcopy(subject.build())
    if meta:
        _check_on_meta(subject, raw, target, ancestor)


def _check_scalar(subject: Subject, scalar: object, raw: Tensor) -> None:
    """Whether the loss gives a scalar at all, before anything is asked of its values."""
    good = isinstance(scalar, Tensor) and scalar.ndim == 0
    shape = tuple(scalar.shape) if isinstance(scalar, Tensor) else type(scalar).__name__
    subject.require(good, f"it gives {shape} for raw output {tuple(raw.shape)}, not a scalar")


def _check_mean(
    subject: Subject,
    value: Callable[[Tensor, Target, Tensor | None], Tensor],
    raw: Tensor,
    target: Target,
    ancestor: Tensor | None,
) -> None:
    """A batch twice over has the loss of the batch; a batch of one has a loss."""
    twice = Target(target.age.repeat(2), target.sigma.repeat(2), target.ages)
    inherited = None if ancestor is None else torch.cat([ancestor, ancestor])
    one, two = value(raw, target, ancestor), value(torch.cat([raw, raw]), twice, inherited)
    subject.require(
        torch.allclose(one, two, rtol=1e-4, atol=1e-6),
        f"it is no mean over the batch: {one:.6g} for a batch, {two:.6g} for the same faces twice",
    )
    single = Target(target.age[-1:], target.sigma[-1:], target.ages)
    alone = value(raw[-1:], single, None if ancestor is None else ancestor[-1:])
    check_tensor(subject, "its values for a batch of one face", alone, (), like=raw)


def _check_on_meta(subject: Subject, raw: Tensor, target: Target, ancestor: Tensor | None) -> None:
    """See `agekit.testing.modules.check_module`."""
    leaf = raw.to("meta").requires_grad_()
    inherited = None if ancestor is None else ancestor.to("meta")
    there = Target(target.age.to("meta"), target.sigma.to("meta"), target.ages)
    with subject.doing(
        "running where tensors have no values (torch's meta device; so it reads a value back from "
        "the device, or keeps a tensor on another device than the raw output)"
    ):
        loss: Loss = subject.build().to("meta")
        torch.autograd.backward(loss(leaf, there, inherited))
