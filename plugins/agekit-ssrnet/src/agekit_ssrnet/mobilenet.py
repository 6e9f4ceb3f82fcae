"""The MobileNet that SSR-Net is compared with."""

from __future__ import annotations

from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit_ssrnet.keras import initialise, norm
from agekit_ssrnet.sizes import check_size

__all__ = ["MobileNet"]

OUT = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDED = (1, 3, 5, 11)
"""The blocks that halve the map."""


def _norm(channels: int, momentum: float) -> list[nn.Module]:
    return [norm(channels, momentum), nn.ReLU6()]


def _block(inside: int, out: int, stride: int, momentum: float) -> nn.Sequential:
    """A depthwise convolution, then one of single pixels."""
    depthwise = Conv2dSame(inside, inside, 3, stride, groups=inside, bias=False)
    pointwise = nn.Conv2d(inside, out, 1, bias=False)
    return nn.Sequential(depthwise, *_norm(inside, momentum), pointwise, *_norm(out, momentum))


class MobileNet(nn.Module):
    """Images (N, 3, S, S) to features (N, 32): the baseline of SSR-Net's table.

    MobileNet (arXiv 1704.04861) without its classifier, a 1x1 convolution to 20 channels, and a
    fully connected layer of 32 over all of their pixels. Convolutions are padded as Keras's
    ``same``: where an odd number of pixels is missing, as at every halving of an even side, the
    one more is on the right and below.

    Args:
        alpha: channels against the full network's; 0.25 or 0.5 there.
        size: S, the side of the images.
        momentum: the share of a new batch in the statistics of the normalisations.
    """

    def __init__(self, *, alpha: float = 0.25, size: int = 64, momentum: float = 0.01) -> None:
        super().__init__()
        if not 0 < alpha <= 2 or int(32 * alpha) < 1:
            raise ConfigError(f"mobilenet-ssr: alpha must be from 0.03125 to 2 (got {alpha})")
        self.size = size
        channels = int(32 * alpha)
        layers = [Conv2dSame(3, channels, 3, 2, bias=False), *_norm(channels, momentum)]
        for index, full in enumerate(OUT):
            out = int(full * alpha)
            layers.append(_block(channels, out, 2 if index in STRIDED else 1, momentum))
            channels = out
        side = -(-size // 32)
        top = [nn.Conv2d(channels, 20, 1), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2)]
        self.layers = nn.Sequential(*layers, *top, nn.Linear(20 * side**2, 32), nn.ReLU())
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images to features."""
        check_size(images, self.size, "MobileNet")
        features: Tensor = self.layers(images)
        return features
