"""The trained weights of MTCNN, which come with the package; ``NOTICE`` says from where."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load
from torch import nn

from agekit.errors import ModelError

__all__ = ["FILE", "load_weights"]

FILE = Path(__file__).with_name("mtcnn.safetensors")
_SHA256 = "b77bff7e6687bf121ce2c7ec642829479f0c55b25d3cddcaf9b4e1139cd11dc2"

Net = TypeVar("Net", bound=nn.Module)


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
