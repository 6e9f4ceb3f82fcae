"""The reference's ResNet generators (arXiv 1703.10593, appendix 7.2), with its key names."""

from __future__ import annotations

from torch import Tensor, nn

from agekit.errors import ConfigError, DataError
from agekit.plugin import Generator
from agekit_cyclegan.initial import initialise
from agekit_cyclegan.layers import (
    Conv2d,
    InstanceNorm2d,
    ReflectionPad2d,
    ToImage,
    UpConv2d,
)

__all__ = ["ResnetGenerator", "resnet_6blocks", "resnet_9blocks"]

ENCODER = 10
"""How many of `model`'s layers come before the first block."""


class ResnetBlock(nn.Module):
    """Two convolutions of 3 x 3 beside an identity; nothing after the sum.

    Args:
        channels: C, in and out.
        dropout: with probability 0.5 between the two; moves the second one's key from 5 to 6.
        affine: of the normalisation.
    """

    def __init__(self, channels: int, *, dropout: bool, affine: bool) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            ReflectionPad2d(1),
            Conv2d(channels, channels, 3),
            InstanceNorm2d(channels, affine=affine),
            nn.ReLU(inplace=True),
            *([nn.Dropout(0.5)] if dropout else []),
            ReflectionPad2d(1),
            Conv2d(channels, channels, 3),
            InstanceNorm2d(channels, affine=affine),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        out: Tensor = x + self.conv_block(x)
        return out


class ResnetGenerator(Generator):
    """Encoder, `blocks` residual blocks and decoder, in one sequence as the reference has it.

    Weights are drawn from N(0, 0.02) with torch's global generator; biases are zero.

    Args:
        blocks: how many residual blocks.
        width: channels after the first convolution; the blocks have four times as many.
        dropout: in the blocks.
        affine: normalise with a learned scale and shift. The reference does not; networks from
            elsewhere do.
    """

    def __init__(
        self, *, blocks: int, width: int = 64, dropout: bool = False, affine: bool = False
    ) -> None:
        super().__init__()
        if blocks < 1 or width < 1:
            raise ConfigError(
                f"a ResNet generator needs at least 1 block and a width of at least 1 "
                f"(got {blocks} and {width})"
            )
        self.blocks = blocks
        layers: list[nn.Module] = [ReflectionPad2d(3), Conv2d(3, width, 7)]
        layers += [InstanceNorm2d(width, affine=affine), nn.ReLU(inplace=True)]
        for channels in (width, 2 * width):
            layers.append(Conv2d(channels, 2 * channels, 3, 2, 1))
            layers += [InstanceNorm2d(2 * channels, affine=affine), nn.ReLU(inplace=True)]
        layers += [ResnetBlock(4 * width, dropout=dropout, affine=affine) for _ in range(blocks)]
        for channels in (2 * width, width):
            layers.append(UpConv2d(2 * channels, channels))
            layers += [InstanceNorm2d(channels, affine=affine), nn.ReLU(inplace=True)]
        layers += [ReflectionPad2d(3), ToImage(width, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        initialise(self)

    def freeze(self, blocks: int) -> None:
        """Holds the encoder and the first blocks as they are; the rest goes on learning.

        Gradients still flow through them to what made their input.

        Args:
            blocks: how many blocks; 0 frees everything, the encoder too.

        Raises:
            ConfigError: there are not so many.
        """
        if not 0 <= blocks <= self.blocks:
            raise ConfigError(
                f"freeze_blocks: {blocks} is not from 0 to {self.blocks}, the number of blocks"
            )
        held = ENCODER + blocks if blocks else 0
        for index, layer in enumerate(self.model):
            layer.requires_grad_(index >= held)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) to the same shape, both -1 to 1.

        Raises:
            DataError: the sides are no multiples of 4, or below 8.
        """
        height, width = images.shape[-2:]
        if height % 4 or width % 4 or min(height, width) < 8:
            raise DataError(
                f"a ResNet generator cannot take images of {width} x {height} pixels",
                "make the sides multiples of 4, at least 8",
            )
        out: Tensor = self.model(images)
        return out


def resnet_9blocks(
    *, width: int = 64, dropout: bool = False, affine: bool = False
) -> ResnetGenerator:
    """The reference's default: nine blocks, 11,378,179 parameters at width 64."""
    return ResnetGenerator(blocks=9, width=width, dropout=dropout, affine=affine)


def resnet_6blocks(
    *, width: int = 64, dropout: bool = False, affine: bool = False
) -> ResnetGenerator:
    """Six blocks, 7,837,699 parameters at width 64."""
    return ResnetGenerator(blocks=6, width=width, dropout=dropout, affine=affine)
