"""A U-Net that adds a change to a face instead of painting it anew.

After FRAN (Zoss et al., "Production-Ready Face Re-Aging for Visual Effects", ACM Transactions on
Graphics 2022): the network sees the face with both ages and gives what is added to it. Its blocks
are those that are quick on a CPU: no normalisation, pixel-unshuffle first, bilinear upsampling.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from agekit_prototypes.bands import oval, step, to_rgb
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_unshuffle

from agekit.errors import ConfigError
from agekit.faces.align import frame as five_points
from agekit.faces.align import standard
from agekit.plugin import Generator

__all__ = ["ChangeUNet"]

LEVELS = 4
"""Resolutions, each half of the one before; the first is half of the image."""
SCALE = 50.0
"""What years are divided by before a network sees them."""
SOON = 5.0
"""Years apart from which the change is let through by about three quarters; at none it is zero."""


class ChangeUNet(Generator):
    """Makes faces any age, by what it adds to them; nothing at their own, nothing outside the face.

    Args:
        width: channels of the finest level; each coarser one has twice as many, up to six times.
        margin: of the faces it takes, around the standard frame.
        light: the most by which luminance changes, of a range of 1.
        chroma: the most by which each of the two differences of colour changes; 0 leaves colour.

    Raises:
        ConfigError: an argument is out of range.
    """

    takes_ages: ClassVar[bool] = True

    def __init__(
        self, width: int = 24, margin: float = 0.05, light: float = 0.5, chroma: float = 0.06
    ) -> None:
        super().__init__()
        if width < 4:
            raise ConfigError(f"generator.width: must be at least 4 (got {width})")
        for name, value in (("light", light), ("chroma", chroma)):
            if not 0 <= value <= 1:
                raise ConfigError(f"generator.{name}: must be from 0 to 1 (got {value:g})")
        self.frame = standard(margin)
        self.points = five_points(margin)
        self.light, self.chroma = light, chroma
        wide = [width * min(2**level, 6) for level in range(LEVELS)]
        self.stem = nn.Conv2d(4 * 3, wide[0], 3, padding=1)
        self.down = nn.ModuleList(Block(wide[k], 2) for k in range(LEVELS))
        self.wider = nn.ModuleList(
            nn.Conv2d(wide[k], wide[k + 1], 3, 2, 1) for k in range(LEVELS - 1)
        )
        self.join = nn.ModuleList(
            nn.Conv2d(wide[k] + wide[k + 1], wide[k], 3, padding=1) for k in range(LEVELS - 1)
        )
        self.up = nn.ModuleList(Block(wide[k], 1) for k in range(LEVELS - 1))
        self.fine = nn.Sequential(
            nn.Conv2d(wide[0] + 3, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 3, 3, padding=1)
        )
        # The change begins at nothing: the first steps learn what to add, not what to undo.
        last = self.fine[-1]
        assert isinstance(last, nn.Conv2d) and last.bias is not None
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, images: Tensor, age: Tensor, to: Tensor) -> Tensor:
        """Ages faces.

        Args:
            images: (N, 3, S, S) RGB from -1 to 1, S a multiple of 16.
            age: (N,) how old they look, years.
            to: (N,) how old they are to look, years.

        Returns:
            (N, 3, S, S) from -1 to 1.
        """
        return (images + self.change(images, age, to)).clamp(-1, 1)

    def change(self, images: Tensor, age: Tensor, to: Tensor) -> Tensor:
        """What `forward` adds, (N, 3, S, S)."""
        years = torch.stack([age, to, to - age], 1) / SCALE
        x = self.stem(pixel_unshuffle(images, 2))
        passed = []
        for k, block in enumerate(self.down):
            x = block(x, years)
            if k < LEVELS - 1:
                passed.append(x)
                x = self.wider[k](x)
        for k in reversed(range(LEVELS - 1)):
            x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = self.up[k](self.join[k](torch.cat([x, passed[k]], 1)), years)
        x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        raw = self.fine(torch.cat([x, images], 1)).float()
        light, colour = raw.tanh().split((1, 2), 1)
        change = torch.cat([self.light * light, self.chroma * colour], 1)
        there = ((to - age).abs() / SOON).tanh()[:, None, None, None]
        far = oval(self.points, images.shape[-1], images.device)[None, None]
        return 2 * there * step(far, 0.9, 1.15) * to_rgb(change)


class Block(nn.Module):
    """Residual convolutions whose channels are scaled and shifted by the ages (FiLM, AAAI 2018).

    Args:
        width: channels.
        count: how many convolutions of 3 x 3.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(count))
        self.years = nn.Sequential(nn.Linear(3, 32), nn.SiLU(), nn.Linear(32, 2 * width))
        self.act = nn.SiLU()

    def forward(self, x: Tensor, years: Tensor) -> Tensor:
        """(N, C, H, W) and (N, 3) ages to (N, C, H, W)."""
        scale, shift = self.years(years)[..., None, None].chunk(2, 1)
        y = self.act(x) * (1 + scale) + shift
        for conv in self.convs:
            y = self.act(conv(y))
        out: Tensor = x + y
        return out
