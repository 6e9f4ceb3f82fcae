"""Runs what is meant for a pretended GPU on the host's memory, and records what a GPU would mind.

Every operation on tensors of ``cuda:N`` is done on CPU tensors that share their memory, so that
values, device checks, autograd and autocast are real; kernels, streams and times are not. Recorded
are host synchronisations, copies that block, and operations on tensors of different devices.
"""

from __future__ import annotations

import ctypes
import traceback
from collections import Counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["Rehearsal"]

aten = torch.ops.aten

_WAITS = {
    aten._local_scalar_dense.default,
    aten.item.default,
    aten.is_nonzero.default,
    aten.equal.default,
    aten.masked_select.default,
    aten.nonzero.default,
    aten.nonzero_numpy.default,
    aten._unique2.default,
    aten.unique_dim.default,
    aten.repeat_interleave.Tensor,
}
"""What has a size or a value that the host must know before it goes on."""
_INDEXING = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
}
_COPIES = {aten._to_copy.default, aten.copy_.default, aten._copy_from.default}
_STEP = "train_step"


class Rehearsal(TorchDispatchMode):
    """Use it as a context around what is to run on the pretended GPU.

    Attributes:
        waits: host synchronisations, by operation and place.
        copies: copies from the host that block, likewise.
        mismatches: operations on tensors of different devices, likewise.
        operations: how many the GPU was given.
        steps: how many training steps there were.
        in_steps: of the operations, those of training steps.
    """

    stepping = False
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self.mismatches: Counter[str] = Counter()
        self.operations = 0
        self.in_steps = 0
        type(self).steps = 0
        torch.backends.cudnn.enabled = False

    @classmethod
    def watch_steps(cls, *models: Any) -> None:
        """Tells the training steps of these classes from all else."""
        for model in models:
            model.train_step = cls._watched(model.train_step)

    @classmethod
    def _watched(cls, step: Any) -> Any:
        def watched(*args: Any, **kwargs: Any) -> Any:
            cls.stepping = True
            cls.steps += 1
            try:
                return step(*args, **kwargs)
            finally:
                cls.stepping = False

        return watched

    def report(self) -> dict[str, Any]:
        """What was recorded, as JSON holds it."""
        return {
            "waits": dict(self.waits),
            "copies": dict(self.copies),
            "mismatches": dict(self.mismatches),
            "operations": self.operations,
            "steps": self.steps,
            "operations_a_step": self.in_steps / self.steps if self.steps else 0,
        }

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_gpu = [tensor for tensor in tensors if tensor.device.type == "cuda"]
        asked = None if kwargs.get("device") is None else torch.device(kwargs["device"])
        if not on_gpu and (asked is None or asked.type != "cuda"):
            return func(*args, **kwargs)
        if torch.is_inference_mode_enabled() or any(t.is_inference() for t in tensors):
            # Composite operations arrive whole then, and would run as kernels that do nothing.
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        self.operations += 1
        self.in_steps += self.stepping
        if func.is_view or func._schema.name in ("aten::set_", "aten::detach", "aten::resize_"):
            return func(*args, **kwargs)
        self._check_devices(func, args, tensors)
        self._note(func, args, kwargs, asked)
        return self._run(func, args, kwargs, asked or on_gpu[0].device)

    def _check_devices(self, func: Any, args: tuple[Any, ...], tensors: list[Tensor]) -> None:
        """Notes and refuses what a GPU would refuse."""
        devices = {tensor.device for tensor in tensors if tensor.dim() > 0}
        if len(devices) < 2 or func in _COPIES:
            return
        if func in _INDEXING and args[0].device.type == "cuda":
            self.copies[f"an index of the CPU: {func} {_place()}"] += 1
            return
        if func._schema.name.startswith(("aten::_fused", "aten::_foreach")):
            return
        self.mismatches[f"{func} on {sorted(map(str, devices))} {_place()}"] += 1
        raise RuntimeError(f"Expected all tensors to be on the same device: {func}")

    def _note(self, func: Any, args: tuple[Any, ...], kwargs: Any, asked: Any) -> None:
        """Notes what makes the host wait."""
        if func in _WAITS or (func in _INDEXING and _has_mask(args[1])):
            self.waits[self._told(func)] += 1
        elif func is aten._to_copy.default:
            if asked is not None and asked.type == "cpu":
                self.waits[self._told("to the CPU")] += 1
            elif args[0].device.type == "cpu" and not kwargs.get("non_blocking"):
                self.copies[self._told(f"to the GPU, {tuple(args[0].shape)}")] += 1
        elif func is aten.copy_.default:
            into, source = (tensor.device.type for tensor in args[:2])
            if (into, source) == ("cpu", "cuda"):
                self.waits[self._told("to the CPU")] += 1
            elif (into, source) == ("cuda", "cpu") and not (args[2:] and args[2]):
                self.copies[self._told(f"to the GPU, {tuple(args[1].shape)}")] += 1

    def _told(self, what: Any) -> str:
        return f"{'in a step: ' if self.stepping else ''}{what} {_place()}"

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: Any, device: torch.device) -> Any:
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", torch.cuda.current_device())
        host = dict(kwargs)
        if host.get("device") is not None:
            host["device"] = torch.device("cpu")
        # A generator of the GPU cannot draw on the CPU; pinned memory is only asked of a real one.
        host |= {name: None for name in ("generator", "pin_memory") if name in host}
        out = func(*tree_map(_alias, args), **tree_map(_alias, host))
        returns = func._schema.returns
        if not returns:
            return None
        several = isinstance(out, (tuple, list)) and len(returns) > 1
        fixed = [
            _written(func, told, args, kwargs)
            if told.alias_info is not None and told.alias_info.is_write
            else tree_map(lambda value: _moved(value, device), value)
            for told, value in zip(returns, out if several else [out], strict=True)
        ]
        return tuple(fixed) if several else fixed[0]


def _written(func: Any, told: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """The argument that an operation wrote to and gives back."""
    (name,) = told.alias_info.before_set
    for i, argument in enumerate(func._schema.arguments):
        if argument.alias_info is not None and name in argument.alias_info.before_set:
            return args[i] if i < len(args) else kwargs[argument.name]
    raise AssertionError(f"{func} writes to none of its arguments")


def _alias(value: Any) -> Any:
    """A CPU tensor on the memory of one of the GPU."""
    if not isinstance(value, Tensor) or value.device.type != "cuda":
        return value
    storage = value.untyped_storage()
    size = storage.nbytes() // value.element_size() * value.element_size()
    if size == 0:
        return torch.empty_strided(value.size(), value.stride(), dtype=value.dtype)
    memory = (ctypes.c_uint8 * size).from_address(storage.data_ptr())
    flat = torch.frombuffer(memory, dtype=torch.uint8).view(value.dtype)
    return flat.as_strided(value.size(), value.stride(), value.storage_offset())


def _moved(value: Any, device: torch.device) -> Any:
    """A tensor on the device with the values and the layout of one of the CPU."""
    if not isinstance(value, Tensor) or device.type == "cpu":
        return value
    out = torch.empty_strided(value.size(), value.stride(), dtype=value.dtype, device=device)
    here = value.untyped_storage().nbytes() - value.storage_offset() * value.element_size()
    size = min(here, out.untyped_storage().nbytes())
    if size > 0 and value.numel():
        ctypes.memmove(out.data_ptr(), value.data_ptr(), size)
    return out


def _has_mask(indices: Any) -> bool:
    masks = (torch.bool, torch.uint8)
    return any(isinstance(index, Tensor) and index.dtype in masks for index in indices)


def _place() -> str:
    """The innermost lines of the project that led here."""
    frames = [
        frame
        for frame in traceback.extract_stack()
        if "agekit" in frame.filename
        and "site-packages" not in frame.filename
        and "rehearsal" not in frame.filename
    ]
    return " < ".join(
        f"{frame.filename.rpartition('agekit')[2]}:{frame.lineno}"
        for frame in reversed(frames[-2:])
    )
