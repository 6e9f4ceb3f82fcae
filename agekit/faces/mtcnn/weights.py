"""The trained weights of MTCNN, from the files of the installed package ``mtcnn``.

The package itself is not imported: it wants TensorFlow. Its files are pickles, and are unpickled
only when their content is the one known here.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import PackageNotFoundError, distribution
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import joblib  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agekit.errors import ModelError

__all__ = ["SHA256", "load_weights", "read_arrays", "weights_folder"]

SHA256 = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""Of ``<name>.lz4`` in mtcnn 1.0.0."""

_MEND = "pip install --force-reinstall mtcnn==1.0.0"

Net = TypeVar("Net", bound=nn.Module)


def weights_folder() -> Path:
    """Where the installed package keeps its weights.

    Raises:
        ModelError: it is not installed.
    """
    try:
        package = distribution("mtcnn")
    except PackageNotFoundError:
        raise ModelError(
            "the face detector mtcnn has no weights: the package mtcnn is not installed", _MEND
        ) from None
    return Path(str(package.locate_file("mtcnn/assets/weights")))


def read_arrays(name: str, folder: Path | None = None) -> list[NDArray[Any]]:
    """The arrays of one network, float32, in the layout of Keras.

    Args:
        name: ``pnet``, ``rnet`` or ``onet``.
        folder: where the files lie; the installed package's if left out.

    Raises:
        ModelError: the file is missing or is not the one known here.
    """
    path = (folder or weights_folder()) / f"{name}.lz4"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the face detector's weights {path} cannot be read: {error.strerror}", _MEND
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise ModelError(
            f"the face detector's weights {path} are not those of mtcnn 1.0.0: "
            f"sha256 {found[:12]}... instead of {SHA256[name][:12]}...",
            _MEND,
        )
    arrays: list[NDArray[Any]] = joblib.load(BytesIO(data))
    return arrays


def load_weights(network: Net, name: str, folder: Path | None = None) -> Net:
    """Fills a network from its file, and readies it for inference.

    Args:
        network: a `PNet`, `RNet` or `ONet`.
        name: ``pnet``, ``rnet`` or ``onet``.
        folder: as `read_arrays`.

    Raises:
        ModelError: as `read_arrays`.
    """
    with torch.no_grad():
        arrays = read_arrays(name, folder)
        for (key, parameter), array in zip(network.named_parameters(), arrays, strict=True):
            parameter.copy_(_to_torch(torch.tensor(array), after_flatten=key == "dense.1.weight"))
    return network.eval().requires_grad_(False)


def _to_torch(array: Tensor, after_flatten: bool) -> Tensor:
    """An array in torch's layout.

    Keras keeps convolutions as (height, width, inputs, outputs) and dense layers as (inputs,
    outputs); the inputs of the dense layer that follows the convolutions run over (width,
    height, channels) in these files, and over (channels, height, width) here.
    """
    if array.ndim == 4:
        return array.permute(3, 2, 0, 1)
    if after_flatten:
        return array.reshape(3, 3, -1, array.shape[1]).permute(3, 2, 1, 0).flatten(1)
    return array.T if array.ndim == 2 else array.flatten()
