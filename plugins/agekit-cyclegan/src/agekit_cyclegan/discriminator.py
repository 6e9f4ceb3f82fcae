"""The reference's PatchGAN discriminator: a verdict on every patch of an image."""

from __future__ import annotations

from torch import Tensor, nn

from agekit.errors import ConfigError, DataError
from agekit_cyclegan.initial import initialise
from agekit_cyclegan.layers import Conv2d, InstanceNorm2d

__all__ = ["PatchGAN"]

WIDEST = 8
"""How many times the first layer's channels a layer has at most."""


class PatchGAN(nn.Module):
    """Convolutions of 4 x 4: `layers` that halve the image, then two that do not.

    With three layers a patch is 70 x 70 pixels, and there are 2,764,737 parameters. Weights are
    drawn from N(0, 0.02) with torch's global generator; biases are zero.

    Args:
        width: channels after the first convolution.
        layers: how many convolutions halve the image.
    """

    def __init__(self, *, width: int = 64, layers: int = 3) -> None:
        super().__init__()
        if width < 1 or layers < 1:
            raise ConfigError(
                "a discriminator needs a width and a number of layers of at least 1 "
                f"(got {width} and {layers})"
            )
        self.layers = layers
        body: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
        channels = width
        for layer in range(1, layers + 1):
            before, channels = channels, width * min(2**layer, WIDEST)
            stride = 2 if layer < layers else 1
            body += [Conv2d(before, channels, 4, stride, 1), InstanceNorm2d(channels)]
            body.append(nn.LeakyReLU(0.2, inplace=True))
        body.append(nn.Conv2d(channels, 1, 4, 1, 1))
        self.model = nn.Sequential(*body)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) to raw verdicts (N, 1, S // 2^layers - 2, the same), 1 for real.

        Raises:
            DataError: the images are too small to have a patch.
        """
        smallest = 3 * 2**self.layers
        height, width = images.shape[-2:]
        if min(height, width) < smallest:
            raise DataError(
                f"a discriminator of {self.layers} layers cannot take images of {width} x {height} "
                f"pixels",
                f"use images of at least {smallest} x {smallest}, or fewer layers",
            )
        out: Tensor = self.model(images)
        return out
