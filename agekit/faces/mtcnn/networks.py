"""The three networks of MTCNN (arXiv 1604.02878, figure 2), and their trained weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load
from torch import Tensor, nn

from agekit.errors import ModelError

__all__ = ["FILE", "ONet", "PNet", "RNet", "load_weights"]

FILE = Path(__file__).with_name("mtcnn.safetensors")
"""The weights of all three; ``NOTICE`` says where they are from."""
_SHA256 = "b77bff7e6687bf121ce2c7ec642829479f0c55b25d3cddcaf9b4e1139cd11dc2"

Net = TypeVar("Net", bound=nn.Module)


def _conv(inputs: int, outputs: int, side: int) -> tuple[nn.Module, nn.Module]:
    return nn.Conv2d(inputs, outputs, side), nn.PReLU(outputs)


def _pool(side: int) -> nn.Module:
    return nn.MaxPool2d(side, 2, ceil_mode=True)


class PNet(nn.Module):
    """Proposes faces: slides a window of 12 x 12 pixels over a picture in steps of two."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(*_conv(3, 10, 3), _pool(2), *_conv(10, 16, 3), *_conv(16, 32, 3))
        self.box = nn.Conv2d(32, 4, 1)
        self.face = nn.Conv2d(32, 2, 1)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Scores every window.

        Args:
            pictures: (N, 3, H, W), at least 12 x 12, -1 to 1.

        Returns:
            The probability of a face, (N, h, w), and how far each edge x0, y0, x1, y1 of its box
            lies from the window's, (N, 4, h, w), in window sides.
        """
        features = self.body(pictures)
        return self.face(features).softmax(1)[:, 1], self.box(features)


class RNet(nn.Module):
    """Scores crops of 24 x 24 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_conv(3, 28, 3), _pool(3), *_conv(28, 48, 3), _pool(3), *_conv(48, 64, 2)
        )
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(576, 128), nn.PReLU(128))
        self.box = nn.Linear(128, 4)
        self.face = nn.Linear(128, 2)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """Scores every crop.

        Args:
            crops: (M, 3, 24, 24), -1 to 1.

        Returns:
            The probability of a face, (M,), and the shifts of the edges, (M, 4), in crop sides.
        """
        features = self.dense(self.body(crops))
        return self.face(features).softmax(1)[:, 1], self.box(features)


class ONet(nn.Module):
    """Scores crops of 48 x 48 pixels and places five points in each."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(*_conv(3, 32, 3), _pool(3), *_conv(32, 64, 3), _pool(3)),
            *(*_conv(64, 64, 3), _pool(2), *_conv(64, 128, 2)),
        )
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(1152, 256), nn.PReLU(256))
        self.box = nn.Linear(256, 4)
        self.points = nn.Linear(256, 10)
        self.face = nn.Linear(256, 2)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores every crop.

        Args:
            crops: (M, 3, 48, 48), -1 to 1.

        Returns:
            The probability of a face, (M,), the shifts of the edges, (M, 4), in crop sides, and
            the points, (M, 5, 2), x and y as shares of the crop.
        """
        features = self.dense(self.body(crops))
        points = self.points(features).unflatten(1, (2, 5)).transpose(1, 2)
        return self.face(features).softmax(1)[:, 1], self.box(features), points


def load_weights(network: Net, name: str, file: Path = FILE) -> Net:
    """Fills a network, and readies it for inference.

    Args:
        network: a `PNet`, `RNet` or `ONet`.
        name: ``pnet``, ``rnet`` or ``onet``.
        file: the weights of all three.

    Raises:
        ModelError: the file is missing or is not the one known here.
    """
    mend = "install agekit again"
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the face detector's weights {file} cannot be read: {error.strerror}", mend
        ) from None
    # A flipped bit would still load, and find faces a little elsewhere.
    if (found := hashlib.sha256(data).hexdigest()) != _SHA256:
        raise ModelError(
            f"the face detector's weights {file} are damaged: "
            f"sha256 {found[:12]}... instead of {_SHA256[:12]}...",
            mend,
        )
    start = f"{name}."
    own = {key.removeprefix(start): t for key, t in load(data).items() if key.startswith(start)}
    network.load_state_dict(own)
    return network.eval().requires_grad_(False)
