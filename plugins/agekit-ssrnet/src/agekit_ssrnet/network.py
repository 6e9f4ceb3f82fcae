"""SSR-Net's two streams and the features of its stages (Yang et al., IJCAI 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit_ssrnet.keras import initialise, norm
from agekit_ssrnet.sizes import check_size

__all__ = ["SSRNet"]


def _layers(out: int, activation: type[nn.Module], momentum: float) -> nn.ModuleList:
    """A stream's four convolutions, each with its normalisation and activation."""
    return nn.ModuleList(
        nn.Sequential(nn.Conv2d(inside, out, 3), norm(out, momentum), activation())
        for inside in (3, out, out, out)
    )


class _Branch(nn.Module):
    """One stream's part of a stage: 10 channels, pooled, flat; and bins of it."""

    def __init__(self, channels: int, pool: nn.Module, side: int, bins: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(channels, 10, 1), nn.ReLU(), pool, nn.Flatten())
        self.mix = nn.Sequential(nn.Dropout(0.2), nn.Linear(10 * side**2, bins), nn.ReLU())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        flat: Tensor = self.squeeze(x)
        return flat, self.mix(flat)


class _Stage(nn.Module):
    """The fusion of both streams at one stage: ``1 + 2 bins`` features."""

    def __init__(self, pool: int, side: int, bins: int) -> None:
        super().__init__()
        self.relu = _Branch(32, nn.AvgPool2d(pool), side // pool, bins)
        self.tanh = _Branch(16, nn.MaxPool2d(pool), side // pool, bins)
        self.delta = nn.Linear(10 * (side // pool) ** 2, 1)
        self.hidden = nn.Sequential(nn.Linear(bins, 2 * bins), nn.ReLU())

    def forward(self, relu: Tensor, tanh: Tensor) -> Tensor:
        flat_r, mixed_r = self.relu(relu)
        flat_t, mixed_t = self.tanh(tanh)
        return torch.cat([self.delta(flat_r * flat_t), self.hidden(mixed_r * mixed_t)], -1)


class SSRNet(nn.Module):
    """Images (N, 3, S, S) to the fused features of the stages, (N, sum of 1 + 2 bins).

    Two streams of four 3x3 convolutions, one with ReLU and average pooling (32 channels), one with
    tanh and maximum pooling (16). Stage 1 reads the last maps, stages 2 and 3 those after the
    second and the first pooling; each gives what the head `ssr` regresses from: the width shift
    before its tanh, and 2 bins hidden units.

    Args:
        size: S, the side of the images; 64 in the paper.
        bins: of each stage.
        momentum: the share of a new batch in the statistics of the normalisations.
    """

    def __init__(
        self,
        *,
        size: int = 64,
        bins: tuple[int, int, int] = (3, 3, 3),
        momentum: float = 0.01,
    ) -> None:
        super().__init__()
        sides = [(size - 2) // 2]
        sides.append((sides[0] - 2) // 2)
        last = (sides[1] - 2) // 2 - 2
        if last < 1 or len(bins) != 3 or min(bins) < 2:
            raise ConfigError(
                "ssrnet: size must be at least 30 and bins three numbers above 1 "
                f"(got {size} and {list(bins)})"
            )
        self.size = size
        self.relu = _layers(32, nn.ReLU, momentum)
        self.tanh = _layers(16, nn.Tanh, momentum)
        self.average, self.maximum = nn.AvgPool2d(2), nn.MaxPool2d(2)
        shapes = zip((1, 4, 8), (last, sides[1], sides[0]), bins, strict=True)
        self.stages = nn.ModuleList(_Stage(pool, side, n) for pool, side, n in shapes)
        initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images to features, stage by stage."""
        check_size(images, self.size, "SSR-Net")
        relu = _maps(images, self.relu, self.average)
        tanh = _maps(images, self.tanh, self.maximum)
        at = (3, 1, 0)
        found = [stage(relu[i], tanh[i]) for stage, i in zip(self.stages, at, strict=True)]
        return torch.cat(found, -1)


def _maps(x: Tensor, layers: nn.ModuleList, pool: nn.Module) -> list[Tensor]:
    """The maps after each layer, pooled but for the last."""
    maps: list[Tensor] = []
    for index, layer in enumerate(layers):
        x = layer(x)
        if index + 1 < len(layers):
            x = pool(x)
        maps.append(x)
    return maps
