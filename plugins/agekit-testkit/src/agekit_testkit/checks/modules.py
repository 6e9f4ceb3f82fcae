"""The checks of every part that is a network or a piece of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from agekit.device import seeded
from agekit_testkit.checks.subject import Subject

__all__ = ["Make", "check_module", "check_tensor", "drawn", "forward", "no_host_sync"]

_SEED = 20180925
Make = Callable[[], nn.Module]


def forward(module: nn.Module, given: Tensor) -> Tensor:
    """The output of a module for a tensor."""
    out: Tensor = module(given)
    return out


def drawn(seed: int = _SEED) -> AbstractContextManager[None]:
    """Random numbers of torch depend on the seed alone while it lasts."""
    return seeded(seed)


@contextmanager
def no_host_sync(device: torch.device) -> Iterator[None]:
    """On a GPU, waiting for it is an error while this lasts."""
    if device.type != "cuda":
        yield
        return
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def check_tensor(
    subject: Subject, what: str, value: object, shape: tuple[int | None, ...], *, like: Tensor
) -> None:
    """A float32 tensor of a shape, finite, on the device of another.

    Args:
        subject: under test.
        what: what the tensor is, such as "the features".
        value: the tensor.
        shape: sizes; None is any.
        like: what it was made from.
    """
    if not isinstance(value, Tensor):
        raise AssertionError(f"{subject.label}: {what} are a {type(value).__name__}, not a Tensor")
    wanted = ", ".join("*" if size is None else str(size) for size in shape)
    fits = value.ndim == len(shape) and all(
        size in (None, found) for size, found in zip(shape, value.shape, strict=True)
    )
    subject.require(fits, f"{what} are of shape {tuple(value.shape)}, not ({wanted})")
    subject.require(value.dtype == torch.float32, f"{what} are {value.dtype}, not torch.float32")
    subject.require(
        value.device == like.device, f"{what} lie on {value.device}, the input on {like.device}"
    )
    if value.device.type != "meta":
        subject.require(bool(value.isfinite().all()), f"{what} are not all finite")


def check_module(
    subject: Subject,
    make: Make,
    module: nn.Module,
    given: Tensor,
    *,
    every: bool = True,
    meta: bool = True,
) -> Tensor:
    """All that is asked of any module.

    Args:
        subject: under test.
        make: makes another one.
        module: one that was made first thing after `drawn`; its gradients and statistics change.
        given: what it is asked about.
        every: whether no weight may go without a gradient.
        meta: whether to run it on torch's meta device.

    Returns:
        What it gives in evaluation under bfloat16 autocast.
    """
    _check_rows_apart(subject, module, given)
    _check_seeded(subject, make, module, given)
    _check_copies(subject, make, module, given)
    _check_gradients(subject, module, given, every=every)
    with (
        subject.doing("a forward pass under bfloat16 autocast"),
        torch.no_grad(),
        torch.autocast(given.device.type, dtype=torch.bfloat16),
    ):
        half = forward(module.eval(), given)
    if meta:
        _check_on_meta(subject, module, given)
    return half


def _check_seeded(subject: Subject, make: Make, module: nn.Module, given: Tensor) -> None:
    """One seed gives one set of weights, and an evaluated network one answer."""
    with drawn():
        other = make().to(given.device).state_dict()
    first = module.state_dict()
    same = first.keys() == other.keys() and all(torch.equal(first[k], other[k]) for k in first)
    subject.require(
        same, "two made with one seed of torch differ; draw every weight with torch's generator"
    )
    module.eval()
    with torch.no_grad():
        one, two = forward(module, given), forward(module, given)
    subject.require(torch.equal(one, two), "in evaluation it answers differently the second time")


def _check_rows_apart(subject: Subject, module: nn.Module, given: Tensor) -> None:
    """In evaluation, what a row gives does not depend on the other rows."""
    module.eval()
    with torch.no_grad():
        whole, part = forward(module, given), forward(module, given[:1])
    subject.require(
        torch.allclose(whole[:1], part, atol=1e-4, rtol=1e-3),
        "in evaluation the answer for a face depends on the other faces of its batch",
    )


def _check_gradients(
    subject: Subject, module: nn.Module, given: Tensor, *, every: bool = True
) -> None:
    """Every trainable weight gets a finite gradient, and so does the input."""
    module.train()
    module.zero_grad(set_to_none=True)
    leaf = given.detach().clone().requires_grad_()
    with subject.doing("a training pass"), no_host_sync(given.device):
        out = forward(module, leaf)
        uneven = torch.linspace(0.5, 1.5, out.numel(), device=out.device).view_as(out)
        torch.autograd.backward((out * uneven).sum())
    trained = {name: p for name, p in module.named_parameters() if p.requires_grad}
    without = [name for name, p in trained.items() if p.grad is None]
    subject.require(
        len(without) < len(trained) if trained and not every else not without,
        f"no gradient reaches {', '.join(without[:3])}; training on several GPUs would stop there",
    )
    bad = [n for n, p in trained.items() if p.grad is not None and not p.grad.isfinite().all()]
    subject.require(not bad, f"the gradient of {', '.join(bad[:3])} is not finite")
    flows = leaf.grad is not None and bool(leaf.grad.isfinite().all() and leaf.grad.any())
    subject.require(flows, "no gradient flows back to its input")


def _check_copies(subject: Subject, make: Make, module: nn.Module, given: Tensor) -> None:
    """Weights survive safetensors, and a deep copy (training averages one) answers alike."""
    module.eval()
    with torch.no_grad():
        before = forward(module, given)
    with subject.doing("saving its weights as safetensors"):
        data = save({key: value.contiguous() for key, value in module.state_dict().items()})
    with drawn(_SEED + 1):
        other = make().to(given.device).eval()
    with subject.doing("loading the weights into a new one"):
        other.load_state_dict(load(data))
    with subject.doing("copying it"):
        copied = deepcopy(module)
    with torch.no_grad():
        loaded, again = forward(other, given), forward(copied, given)
    subject.require(
        torch.allclose(before, loaded, atol=1e-5, rtol=1e-4),
        "a new one with its weights answers differently; keep what it needs in parameters and "
        "buffers",
    )
    subject.require(torch.equal(before, again), "a copy of it answers differently")


def _check_on_meta(subject: Subject, module: nn.Module, given: Tensor) -> None:
    """It runs on torch's meta device, which has shapes and no values.

    So it makes its tensors on the device of its input, and reads none back: no ``.item()``, no
    ``if`` on a tensor, no boolean index, each of which would stop a GPU in every step.
    """
    there = deepcopy(module).to("meta").train()
    with subject.doing(
        "running where tensors have no values (torch's meta device; so it reads a value back from "
        "the device, or keeps a tensor on another device than its input)"
    ):
        forward(there, given.to("meta"))
