"""The reference's networks, written out layer by layer in plain PyTorch."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn


class Model(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


class Block(nn.Module):
    def __init__(self, n, norm, dropout):
        super().__init__()
        pad, conv = nn.ReflectionPad2d, nn.Conv2d
        first = [pad(1), conv(n, n, 3), norm(n), nn.ReLU(True)]
        between = [nn.Dropout(0.5)] if dropout else []
        self.conv_block = nn.Sequential(*first, *between, pad(1), conv(n, n, 3), norm(n))

    def forward(self, x):
        return x + self.conv_block(x)


def generator(blocks=6, w=4, dropout=False, norm=nn.InstanceNorm2d):
    return Model(
        nn.ReflectionPad2d(3),
        nn.Conv2d(3, w, 7),
        norm(w),
        nn.ReLU(True),
        nn.Conv2d(w, 2 * w, 3, 2, 1),
        norm(2 * w),
        nn.ReLU(True),
        nn.Conv2d(2 * w, 4 * w, 3, 2, 1),
        norm(4 * w),
        nn.ReLU(True),
        *(Block(4 * w, norm, dropout) for _ in range(blocks)),
        nn.ConvTranspose2d(4 * w, 2 * w, 3, 2, 1, 1),
        norm(2 * w),
        nn.ReLU(True),
        nn.ConvTranspose2d(2 * w, w, 3, 2, 1, 1),
        norm(w),
        nn.ReLU(True),
        nn.ReflectionPad2d(3),
        nn.Conv2d(w, 3, 7),
        nn.Tanh(),
    )


def discriminator(w=4):
    return Model(
        nn.Conv2d(3, w, 4, 2, 1),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(w, 2 * w, 4, 2, 1),
        nn.InstanceNorm2d(2 * w),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(2 * w, 4 * w, 4, 2, 1),
        nn.InstanceNorm2d(4 * w),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(4 * w, 8 * w, 4, 1, 1),
        nn.InstanceNorm2d(8 * w),
        nn.LeakyReLU(0.2, True),
        nn.Conv2d(8 * w, 1, 4, 1, 1),
    )


@pytest.fixture
def reference():
    return SimpleNamespace(generator=generator, discriminator=discriminator)
