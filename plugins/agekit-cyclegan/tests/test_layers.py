"""The layers against the torch layers that they equal, results and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from agekit_cyclegan.layers import Conv2d, InstanceNorm2d, ReflectionPad2d, ToImage, UpConv2d
from torch import nn


def gradients(out, inputs):
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return torch.autograd.grad((weights * out.sin()).sum(), inputs)


def close(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def images(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(
    ("width", "shape"), [(1, (2, 2)), (1, (3, 8)), (3, (4, 4)), (3, (5, 7)), (3, (16, 16))]
)
def test_reflection(width, shape):
    x = images(2, 3, *shape)
    theirs = F.pad(x, (width,) * 4, mode="reflect")
    ours = ReflectionPad2d(width)(x)
    assert torch.equal(ours, theirs)
    close(gradients(ours, [x]), gradients(theirs, [x]))


def test_reflection_leaves_the_gradient_it_is_given():
    x = images(1, 1, 4, 4)
    given = torch.ones(1, 1, 6, 6, dtype=torch.float64)
    ReflectionPad2d(1)(x).backward(given)
    assert torch.equal(given, torch.ones_like(given))


def test_to_image():
    ours = ToImage(5, 3, 7).double()
    x = images(2, 5, 12, 15)
    inputs = [x, ours.weight, ours.bias]
    theirs = F.conv2d(x, ours.weight, ours.bias)
    close([ours(x)], [theirs])
    close(gradients(ours(x), inputs), gradients(theirs, inputs))


def test_to_image_in_bfloat16():
    ours = ToImage(5, 3, 7)
    x = torch.randn(2, 5, 12, 12, requires_grad=True)
    theirs = F.conv2d(x, ours.weight, ours.bias)
    with torch.autocast("cpu", torch.bfloat16):
        out = ours(x)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, theirs, rtol=0, atol=0.02)
    for one, other in zip(
        gradients(out, [x, ours.weight]), gradients(theirs, [x, ours.weight]), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05 * float(other.abs().max()))


@pytest.mark.parametrize("affine", [False, True])
def test_instance_norm(affine):
    ours = InstanceNorm2d(4, affine=affine).double()
    theirs = nn.InstanceNorm2d(4, affine=affine).double()
    if affine:
        with torch.no_grad():
            ours.weight.copy_(torch.arange(4.0))
            ours.bias.copy_(torch.arange(4.0) - 2)
    theirs.load_state_dict(ours.state_dict())
    x = images(3, 4, 5, 6)
    close([ours(x)], [theirs(x)])
    close(
        gradients(ours(x), [x, *ours.parameters()]), gradients(theirs(x), [x, *theirs.parameters()])
    )


def test_instance_norm_of_half_precision_computes_in_float32():
    x = (torch.randn(2, 4, 32, 32) * 0.5 + 30).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        out = InstanceNorm2d(4)(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(
        out.double(), F.instance_norm(x.double()), rtol=2**-8, atol=1e-3, check_dtype=True
    )


@pytest.mark.parametrize("layer", [Conv2d(3, 4, 3, 2, 1), UpConv2d(3, 4)])
def test_bias_before_a_normalisation_has_no_effect(layer):
    theirs = nn.Conv2d if isinstance(layer, nn.Conv2d) else nn.ConvTranspose2d
    with torch.no_grad():
        layer.bias.fill_(0.7)
    x = torch.randn(2, 3, 8, 8)
    norm = nn.InstanceNorm2d(4)
    torch.testing.assert_close(norm(layer(x)), norm(theirs.forward(layer, x)), rtol=0, atol=1e-5)
