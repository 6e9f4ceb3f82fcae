"""Checkpoints of others: their tensors, and nothing of them run."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from agekit.data.formats import kind_of
from agekit.errors import ModelError
from agekit.zoo.files import WEIGHTS
from agekit.zoo.folder import read_weights

__all__ = ["read_state_dict"]

_ALONE = "ask for the tensors alone, as torch.save(network.state_dict(), file) writes them"


def read_state_dict(path: Path, wrappers: Sequence[str]) -> tuple[dict[str, Tensor], list[str]]:
    """The state dict in a file of torch or of safetensors, and a line on each thing odd about it.

    Args:
        path: the file.
        wrappers: keys under which it may lie in a larger one, the first that is there.

    Raises:
        ModelError: it cannot be read, holds code, or is no state dict of one network.
    """
    if path.suffix == Path(WEIGHTS).suffix:
        return read_weights(path), []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sparse tensors, which are refused by name
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        if unsafe := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise ModelError(
                f"{path} holds code ({unsafe[1]}), not tensors alone, and was not loaded", _ALONE
            ) from error
        raise _damaged(path) from error
    except Exception as error:
        if "TorchScript" in str(error):
            raise ModelError(
                f"{path} holds a TorchScript program and was not loaded", _ALONE
            ) from error
        raise _damaged(path) from error
    notes = []
    while isinstance(loaded, Mapping):
        there = [key for key in wrappers if isinstance(loaded.get(key), Mapping)]
        if not there:
            break
        others = f", not that under {there[1]!r}" if there[1:] else ""
        notes.append(f"took the network under {there[0]!r}{others}")
        loaded = loaded[there[0]]
    if not isinstance(loaded, Mapping) or not loaded:
        raise ModelError(f"{path} holds no state dict", "give a file of named tensors")
    odd = [str(key) for key, value in loaded.items() if not isinstance(value, Tensor)]
    if odd:
        raise ModelError(
            f"{path} holds other things than one network's tensors: {', '.join(odd[:3])}",
            "give a file with the state dict of one network",
        )
    return {str(key): value for key, value in loaded.items()}, notes


def _damaged(path: Path) -> ModelError:
    if kind := kind_of(path):
        return ModelError(f"{path} is {kind}", "name a checkpoint of PyTorch, or .safetensors")
    return ModelError(f"{path} is no checkpoint of PyTorch, or is damaged", "download it again")
