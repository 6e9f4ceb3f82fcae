"""The checks of a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace

import torch
from torch import Tensor

from agekit.tasks.estimator.base import Loss
from agekit.tasks.estimator.target import Mixed, Target
from agekit.tasks.estimator.terms import LossInputs, Term
from agekit_testkit.checks.head import LABEL_AGES
from agekit_testkit.checks.modules import check_tensor, drawn, no_host_sync
from agekit_testkit.checks.subject import Part, Subject

__all__ = ["check_loss"]

Raw = Callable[[int, tuple[int, int]], Tensor]
_N = 12


def check_loss(
    part: Part,
    *,
    head: Part | None = None,
    head_arguments: Mapping[str, object] | None = None,
    raw: Raw | None = None,
    heads: Mapping[str, Mapping[str, object]] | None = None,
    arguments: Mapping[str, object] | None = None,
    ages: Sequence[tuple[int, int]] = LABEL_AGES,
    in_features: int = 32,
    device: str = "cpu",
    meta: bool = True,
) -> None:
    """Checks that a loss keeps its contract: raw output and true ages to one scalar.

    The mean over the batch in float32, finite for the first and the last label age, for large
    outputs and for those of half precision; a gradient that is finite and not all zero; no value
    read back from the device. What it asks for by name it is given.

    Args:
        part: its registry name, or the class.
        head: the head whose output it takes, by name or as a class.
        head_arguments: the head's keyword arguments.
        raw: in place of a head, gives random raw output (N, ...) for N and the label ages.
        heads: all heads, as a recipe lists them, for a loss that asks for all their outputs.
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
    makers = {_HEAD: raw} | {
        name: _of_head(str(one["type"]), {k: v for k, v in one.items() if k != "type"}, in_features)
        for name, one in (heads or {}).items()
    }
    for pair in ages:
        label = subject.label
        subject.label = f"{label}, label ages {pair[0]}-{pair[1]}"
        with drawn():
            own, taught = (
                {name: make(_N, pair).detach().to(device) for name, make in makers.items()}
                for _ in range(2)
            )
            features = torch.randn(_N, in_features).to(device)
        target = _target(pair, device)
        others = target.take(torch.arange(_N - 1, -1, -1, device=device))
        mixed = Mixed(others, torch.tensor(0.7, device=device))
        _check(subject, LossInputs(own, target, features, taught, mixed), meta)
        subject.label = label


_HEAD = "its head"


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


def _check(subject: Subject, inputs: LossInputs, meta: bool) -> None:
    like = inputs.outputs[_HEAD]

    def value(inputs: LossInputs) -> Tensor:
        loss: Loss = subject.build()
        raw = inputs.outputs[_HEAD]
        with subject.doing(f"the loss of raw output {tuple(raw.shape)} in {raw.dtype}"):
            return Term(subject.name, _HEAD, 1.0, loss.to(raw.device)).value(inputs)

    leaves = _changed(inputs, lambda values: values.clone().requires_grad_())
    kept = like.clone()
    with no_host_sync(like.device):
        scalar = value(leaves)
        _check_scalar(subject, scalar, like)
        with subject.doing("its gradient"):
            torch.autograd.backward(scalar)
    check_tensor(subject, "its values", scalar.detach(), (), like=like)
    seen = [*leaves.outputs.values(), *([] if leaves.features is None else [leaves.features])]
    gradients = [leaf.grad for leaf in seen if leaf.grad is not None]
    flows = all(bool(g.isfinite().all()) for g in gradients) and any(g.any() for g in gradients)
    subject.require(flows, "its gradient is missing, not finite, or zero for every face")
    unchanged = torch.equal(leaves.outputs[_HEAD].detach(), kept)
    subject.require(unchanged, "it changes the raw output in place")
    subject.require(
        torch.equal(value(inputs), scalar.detach()),
        "a second one gives another value for the same batch",
    )
    _check_mean(subject, value, inputs)
    for dtype in (torch.bfloat16, torch.float16):
        half = value(_changed(inputs, lambda values, to=dtype: values.to(to)))  # type: ignore[misc]
        check_tensor(subject, f"its values for {dtype} output", half, (), like=like)
    large = replace(
        leaves, outputs={k: (v * 1000).requires_grad_() for k, v in inputs.outputs.items()}
    )
    with subject.doing("its gradient for large outputs"):
        far = value(large)
        torch.autograd.backward(far)
    grads = [leaf.grad for leaf in large.outputs.values() if leaf.grad is not None]
    calm = bool(far.isfinite()) and all(bool(grad.isfinite().all()) for grad in grads)
    subject.require(calm, "outputs a thousand times as large make it or its gradient not finite")
    with subject.doing("copying it"):
        deepcopy(subject.build())
    if meta:
        _check_on_meta(subject, inputs)


def _changed(inputs: LossInputs, change: Callable[[Tensor], Tensor]) -> LossInputs:
    """The same with every tensor that a network gives changed."""
    return replace(
        inputs,
        outputs={name: change(values) for name, values in inputs.outputs.items()},
        features=None if inputs.features is None else change(inputs.features),
        teacher_outputs={n: change(v).detach() for n, v in (inputs.teacher_outputs or {}).items()},
    )


def _check_scalar(subject: Subject, scalar: object, raw: Tensor) -> None:
    """True if the loss gives a scalar at all, before anything is asked of its values."""
    good = isinstance(scalar, Tensor) and scalar.ndim == 0
    shape = tuple(scalar.shape) if isinstance(scalar, Tensor) else type(scalar).__name__
    subject.require(good, f"it gives {shape} for raw output {tuple(raw.shape)}, not a scalar")


def _check_mean(
    subject: Subject, value: Callable[[LossInputs], Tensor], inputs: LossInputs
) -> None:
    """A batch twice over has the loss of the batch; a batch of one has a loss."""

    def of(rows: Tensor) -> LossInputs:
        mixed = inputs.mixed
        return replace(
            _changed(inputs, lambda values: values[rows]),
            target=inputs.target.take(rows),
            mixed=None if mixed is None else replace(mixed, target=mixed.target.take(rows)),
        )

    like = inputs.outputs[_HEAD]
    every = torch.arange(_N, device=like.device)
    one, two = value(inputs), value(of(every.repeat(2)))
    subject.require(
        torch.allclose(one, two, rtol=1e-4, atol=1e-6),
        f"it is no mean over the batch: {one:.6g} for a batch, {two:.6g} for the same faces twice",
    )
    alone = value(of(every[-1:]))
    check_tensor(subject, "its values for a batch of one face", alone, (), like=like)


def _check_on_meta(subject: Subject, inputs: LossInputs) -> None:
    """See `agekit_testkit.checks.modules.check_module`."""

    def there(target: Target) -> Target:
        return Target(target.age.to("meta"), target.sigma.to("meta"), target.ages)

    mixed = inputs.mixed
    moved = replace(
        _changed(inputs, lambda values: values.to("meta").requires_grad_()),
        target=there(inputs.target),
        mixed=None if mixed is None else Mixed(there(mixed.target), mixed.share.to("meta")),
    )
    with subject.doing(
        "running where tensors have no values (torch's meta device; so it reads a value back from "
        "the device, or keeps a tensor on another device than the raw output)"
    ):
        loss: Loss = subject.build().to("meta")
        torch.autograd.backward(Term(subject.name, _HEAD, 1.0, loss).value(moved))
