"""The weights in a file of Keras 2: tensors by layer, read as numbers and nothing else.

Neither Keras nor anything that the file holds of the network itself is used: a ``Lambda`` layer is
code, and stays unread. Links to other files are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agekit.errors import ModelError, counted, listed, one_line
from agekit.extras import package_module

__all__ = ["KerasFile", "is_hdf5", "opened"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WHOLE = "model_weights"
"""The group that a file of a whole model has its weights in."""


def is_hdf5(path: Path) -> bool:
    """True of a file that begins as HDF5 does, or has the ending of one."""
    try:
        with open(path, "rb") as file:
            return file.read(8) == _SIGNATURE
    except OSError:
        return path.suffix.lower() in (".h5", ".hdf5")


class KerasFile:
    """The tensors of a file, each to be taken once.

    Args:
        path: of the file, for messages.
        tensors: layer → weight, such as ``kernel`` → the dataset of h5py.
    """

    def __init__(self, path: Path, tensors: dict[str, dict[str, Any]]) -> None:
        self.path = path
        self.tensors = tensors

    def layers(self, kind: str) -> list[str]:
        """Names of the layers that Keras numbered, ``conv2d_1`` and so on, as they were made."""
        numbers = {}
        for name in self.tensors:
            stem, _, number = name.rpartition("_")
            if name == kind or (stem == kind and number.isdigit()):
                numbers[name] = int(number) if name != kind else 0
        return sorted(numbers, key=lambda name: numbers[name])

    def shape(self, layer: str, weight: str = "kernel") -> tuple[int, ...]:
        """The shape of a tensor.

        Raises:
            ModelError: there is none.
        """
        found = self.tensors.get(layer, {}).get(weight)
        if found is None:
            raise ModelError(
                f"{self.path} lacks {layer}/{weight}", "convert a file that holds every layer"
            )
        return tuple(found.shape)

    def take(self, layer: str, weight: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """A tensor that must have a shape; it is no more in the file for `left`.

        Raises:
            ModelError: it is missing, of another shape or kind, or holds what is no number.
        """
        if (found := self.shape(layer, weight)) != shape:
            raise ModelError(
                f"{self.path}: {layer}/{weight} has the shape {found}, and the network {shape}",
                "if its images have another side than that, give --size",
            )
        dataset = self.tensors[layer].pop(weight)
        if dataset.dtype.kind != "f" or dataset.is_virtual or dataset.external:
            raise ModelError(
                f"{self.path}: {layer}/{weight} is no tensor of numbers in this file",
                "convert the file as Keras wrote it",
            )
        with _told(self.path):
            values: NDArray[np.float32] = np.asarray(dataset[()], np.float32)
        if not np.isfinite(values).all():
            raise ModelError(
                f"{self.path}: {layer}/{weight} holds values that are no numbers",
                "fetch the file again, or convert another",
            )
        return values

    def left(self) -> list[str]:
        """The tensors that were not taken."""
        return [f"{layer}/{name}" for layer, ours in self.tensors.items() for name in ours]


@contextmanager
def opened(path: Path) -> Iterator[KerasFile]:
    """Opens a file of weights, or of a whole model, as Keras 2 writes them.

    Raises:
        ConfigError: h5py is not installed.
        ModelError: it cannot be read, is of something else, or links to other files.
    """
    h5py = package_module("h5py", "h5py", "keras", "agekit-ssrnet")
    hint = "give a whole .h5 file of Keras"
    try:
        with open(path, "rb") as start:
            if start.read(len(_SIGNATURE)) != _SIGNATURE:
                raise ModelError(f"{path} is no HDF5 file", hint)
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror or error}", hint) from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ModelError(f"{path} is damaged: {one_line(error)}", hint) from error
    with file:
        with _told(path):
            tensors = _listed(h5py, file, path)
        yield KerasFile(path, tensors)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Makes what HDF5 says of a damaged file an error for people."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is damaged: {one_line(error)}", "fetch it again") from error


def _listed(h5py: Any, file: Any, path: Path) -> dict[str, dict[str, Any]]:
    """The datasets of the weights by layer; nothing of them is read."""
    place = _inside(h5py, file, _WHOLE, path) if _WHOLE in file else file
    tensors: dict[str, dict[str, Any]] = {}
    for group in _names(place, "layer_names", path):
        inside = _inside(h5py, place, group, path)
        for name in _names(inside, "weight_names", path):
            *above, weight = name.split(":")[0].split("/")
            layer = above[-1] if above else group
            dataset = _inside(h5py, inside, name, path)
            if not isinstance(dataset, h5py.Dataset):
                raise ModelError(f"{path}: {group}/{name} is no tensor", "fetch it again")
            if tensors.setdefault(layer, {}).setdefault(weight, dataset) is not dataset:
                raise ModelError(f"{path} has {layer}/{weight} twice", "convert another file")
    return tensors


def _names(group: Any, key: str, path: Path) -> list[str]:
    """The names in an attribute, which Keras cuts into several where they are many."""
    parts = [group.attrs[key]] if key in group.attrs else []
    while f"{key}{len(parts)}" in group.attrs and key not in group.attrs:
        parts.append(group.attrs[f"{key}{len(parts)}"])
    if not parts:
        raise ModelError(
            f"{path} holds no weights as Keras 2 writes them: {group.name} has no {key!r}; "
            f"it has {counted(len(group), 'entry', 'entries')}: {listed(map(str, group))}",
            "give the .h5 of `model.save_weights` or `model.save` of Keras 2",
        )
    names = [name for part in parts for name in np.asarray(part).ravel().tolist()]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _inside(h5py: Any, group: Any, name: str, path: Path) -> Any:
    """What lies under a name, if every step of the way is in the file itself."""
    for step in name.split("/"):
        link = group.get(step, getlink=True) if isinstance(group, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            what = "lacks" if link is None else "links elsewhere for"
            raise ModelError(f"{path} {what} {name}", "convert the file as Keras wrote it")
        group = group[step]
    return group
