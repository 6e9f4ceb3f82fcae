"""The layers of the reference's networks, as functions of equal result that run faster."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable

__all__ = ["Conv2d", "InstanceNorm2d", "ReflectionPad2d", "ToImage", "UpConv2d"]


def _not_on_cpu(x: Tensor) -> bool:
    """Whether another device computes, or a compiler will choose how."""
    return x.device.type != "cpu" or torch.compiler.is_compiling()


class InstanceNorm2d(nn.Module):
    """Each channel of each image to mean 0 and variance 1, without running statistics.

    A group norm of one channel a group: the same numbers as `torch.nn.InstanceNorm2d`, in fewer
    passes. Means and variances are computed in float32 or wider, whatever the input.

    Args:
        channels: C.
        affine: learn a scale and a shift per channel, which the reference does not.
    """

    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, channels: int, *, affine: bool = False) -> None:
        super().__init__()
        self.channels = channels
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape and type."""
        if x.is_cuda and x.dtype in (torch.bfloat16, torch.float16):
            # CUDA's group norm rounds the mean to the input's type
            return F.instance_norm(x, weight=self.weight, bias=self.bias)
        n, c, h, w = x.shape
        scale = None if self.weight is None else self.weight.to(x.dtype)
        shift = None if self.bias is None else self.bias.to(x.dtype)
        # not F.group_norm, which autocast on CUDA would make return float32
        out: Tensor = torch.native_group_norm(x.contiguous(), scale, shift, n, c, h * w, c, 1e-5)[0]
        return out


class Conv2d(nn.Conv2d):
    """A convolution before a normalisation: its bias has no effect, and is only kept in files."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C', H', W')."""
        return F.conv2d(x, self.weight, None, self.stride, self.padding)


class UpConv2d(nn.ConvTranspose2d):
    """A convolution that doubles the sides, before a normalisation: its bias has no effect either.

    Args:
        channels: C.
        out: C'.
    """

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, C, H, W) to (N, C', 2 H, 2 W)."""
        return F.conv_transpose2d(x, self.weight, None, stride=2, padding=1, output_padding=1)


class ToImage(nn.Conv2d):
    """The last convolution, to the three channels of an image; three times as fast on a CPU.

    There a convolution to three channels leaves most of the vector unit idle, see `_ToFew`.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H + 6, W + 6) to (N, 3, H, W), for a kernel of 7."""
        if _not_on_cpu(x):
            return super().forward(x)
        weight = self.weight
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            x, weight = x.to(dtype), weight.to(dtype)
        out: Tensor = _ToFew.apply(x, weight)
        return out if self.bias is None else out + self.bias[:, None, None]


class _ToFew(torch.autograd.Function):
    """A convolution to few channels, as one to many.

    A kernel of k rows is k kernels of one row each, to k times as many channels; their results
    are summed row below row. For the gradients the convolution is taken for the transposed one
    that it equals, so that they are convolutions from few channels to many.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        few, many, k, _ = weight.shape
        rows = F.conv2d(x, weight.transpose(1, 2).reshape(few * k, many, 1, k))
        n, _, h, w = rows.shape
        parts = rows.view(n, few, k, h, w)
        h -= k - 1
        out = parts[:, :, 0, :h].to(torch.promote_types(x.dtype, torch.float32), copy=True)
        for row in range(1, k):
            out += parts[:, :, row, row : row + h]
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        k: int = weight.shape[-1]
        to_x, to_weight, _ = torch.ops.aten.convolution_backward(
            grad.to(x.dtype),
            x,
            weight.flip(2, 3).transpose(0, 1),
            None,
            [1, 1],
            [k - 1, k - 1],
            [1, 1],
            True,
            [0, 0],
            1,
            [True, True, False],
        )
        return to_x, to_weight.transpose(0, 1).flip(2, 3)


class ReflectionPad2d(nn.Module):
    """Reflection padding; on a CPU its gradient is a few sums of whole strips, which is quicker.

    Args:
        width: pixels on every side.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H + 2 width, W + 2 width)."""
        if _not_on_cpu(x):
            return F.pad(x, (self.width,) * 4, mode="reflect")
        out: Tensor = _Reflect.apply(x, self.width)
        return out

    def extra_repr(self) -> str:
        """The width."""
        return str(self.width)


class _Reflect(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, width: int) -> Tensor:
        ctx.width = width  # type: ignore[attr-defined]
        return F.pad(x, (width,) * 4, mode="reflect")

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        p: int = ctx.width  # type: ignore[attr-defined]
        h, w = grad.shape[2] - 2 * p, grad.shape[3] - 2 * p
        out = grad.narrow(2, p, h).clone()
        out.narrow(2, 1, p).add_(grad.narrow(2, 0, p).flip(2))
        out.narrow(2, h - 1 - p, p).add_(grad.narrow(2, h + p, p).flip(2))
        out.narrow(3, p + 1, p).add_(out.narrow(3, 0, p).flip(3))
        out.narrow(3, w - 1, p).add_(out.narrow(3, w + p, p).flip(3))
        return out.narrow(3, p, w).contiguous(), None
