"""The reference's checkpoints, ``*_net_G*.pth`` and ``*_net_D*.pth``: read and written as tensors.

Nothing in a file is ever run: it is read with ``weights_only``, and one that holds code is refused.
"""

from __future__ import annotations

import io
import logging
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from agekit.errors import ModelError
from agekit.plugin import write_bytes
from agekit.zoo.tensors import read_state_dict
from agekit_cyclegan.architecture import ANY_HINT, Architecture, recognise
from agekit_cyclegan.discriminator import PatchGAN
from agekit_cyclegan.generators import ResnetGenerator

__all__ = [
    "FILES",
    "Checkpoint",
    "build",
    "export_networks",
    "generator_weights",
    "network_files",
    "read_checkpoint",
]

FILES = {"a2b": "G_A", "b2a": "G_B", "a": "D_B", "b": "D_A"}
"""The reference's names of our networks: its D_A judges the fakes of G_A, which are of domain B."""

WRAPPERS = ("state_dict", "model_state_dict", "params", "netG", "generator", "model", "net")
"""Keys under which others keep the state dict in a larger one."""

PREFIX = re.compile(r"^((module|_orig_mod)\.)+|(?<=\.)_orig_mod\.")
STATISTICS = re.compile(r"\.(running_mean|running_var|num_batches_tracked)$")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A network out of a file.

    Attributes:
        architecture: what it is.
        tensors: its weights by our networks' names, float32, on the CPU.
        notes: what in the file was other than the reference writes it today, one line each.
    """

    architecture: Architecture
    tensors: dict[str, Tensor]
    notes: tuple[str, ...] = ()

    def without_affine(self) -> Checkpoint:
        """To start a network of the reference from: without scale and shift of normalisations.

        The output is not that of the original any more; the convolutions are.
        """
        if not self.architecture.affine:
            return self
        plain = replace(self.architecture, affine=False)
        names = _shapes(plain)
        kept = {key: tensor for key, tensor in self.tensors.items() if key in names}
        note = (
            f"left out {len(self.tensors) - len(kept)} tensors: the learned scale and shift of the "
            "instance normalisation, which the reference's generator does not have"
        )
        return Checkpoint(plain, kept, (*self.notes, note))


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads one network.

    Args:
        path: a ``.pth`` with a state dict of the reference, of its forks or of a wrapped network.

    Raises:
        ModelError: it cannot be read, holds code, or is of an architecture that agekit lacks.
    """
    state, notes = read_state_dict(path, WRAPPERS)
    named: dict[str, Tensor] = {}
    renamed = dict.fromkeys(("prefix", "block", "bare"), False)
    bare = any(re.fullmatch(r"((module|_orig_mod)\.)*\d+\.weight", key) for key in state)
    for key, tensor in state.items():
        plain = PREFIX.sub("", key)
        renamed["prefix"] |= plain != key
        if bare:
            plain = f"model.{plain}"
        ours = re.sub(r"^(model\.\d+)\.block\.", r"\1.conv_block.", plain)
        renamed["block"] |= ours != plain
        named[ours] = tensor
    if renamed["prefix"]:
        notes.append("took the prefixes 'module.' and '_orig_mod.' off the names")
    if renamed["block"]:
        notes.append("renamed 'block' to 'conv_block'")
    architecture = recognise(named, str(path))
    kept = {key: tensor for key, tensor in named.items() if not STATISTICS.search(key)}
    if dropped := len(named) - len(kept):
        notes.append(f"left out {dropped} running statistics, which PyTorch before 0.4 wrote")
    if architecture.dropout:
        notes.append("has dropout: build the generator with dropout: true")
    return Checkpoint(architecture, _fitted(kept, architecture, path), tuple(notes))


def build(architecture: Architecture) -> nn.Module:
    """A new network of that architecture."""
    width, depth = architecture.width, architecture.depth
    if architecture.kind == "discriminator":
        return PatchGAN(width=width, layers=depth)
    return ResnetGenerator(
        blocks=depth, width=width, dropout=architecture.dropout, affine=architecture.affine
    )


def network_files(folder: Path) -> dict[str, Path]:
    """The newest networks in a folder of checkpoints, by the names that `FILES` has.

    ``latest`` is newest, then the highest epoch. A published generator, ``*_net_G.pth``, is
    ``a2b``.

    Raises:
        ModelError: there is none.
    """
    found: dict[str, Path] = {}
    for name, theirs in FILES.items():
        matches = list(folder.glob(f"*_net_{theirs}.pth"))
        if name == "a2b" and not matches:
            matches = list(folder.glob("*_net_G.pth"))
        if matches:
            found[name] = max(matches, key=_epoch)
    if not found:
        raise ModelError(
            f"there are no networks of the reference in {folder}",
            "give a folder with latest_net_G_A.pth and latest_net_G_B.pth, or one such file",
        )
    return found


def generator_weights(path: Path, *, affine: bool = True) -> dict[str, Tensor]:
    """Weights for both generators of an ager, named ``old.*`` and ``young.*``.

    Args:
        path: a folder with ``*_net_G_A.pth`` and ``*_net_G_B.pth``, or one generator's file, which
            then is both, as is the only one in a folder.
        affine: keep the scale and shift of normalisations, which generators from elsewhere have;
            False gives what a generator of the reference can start from.

    Raises:
        ModelError: there is no generator, or none that agekit has.
    """
    if not path.exists():
        raise ModelError(f"there is no model, run or checkpoint {str(path)!r}")
    files = network_files(path) if path.is_dir() else {"a2b": path}
    made = [files[name] for name in ("a2b", "b2a") if name in files]
    if not made:
        raise ModelError(f"{path} has discriminators only", "name a generator")
    read = {file: read_checkpoint(file) for file in made}
    weights: dict[str, Tensor] = {}
    for direction, file in (("old", made[0]), ("young", made[-1])):
        checkpoint = read[file]
        if checkpoint.architecture.kind != "generator":
            raise ModelError(f"{file} holds {checkpoint.architecture}", "give a generator")
        if not affine:
            checkpoint = checkpoint.without_affine()
        if direction == "old" or len(made) > 1:
            for note in checkpoint.notes:
                log.warning("%s: %s", file, note)
        named = checkpoint.tensors.items()
        weights |= {f"{direction}.{key}": tensor.clone() for key, tensor in named}
    return weights


def export_networks(
    folder: Path, networks: Mapping[str, nn.Module], epoch: str = "latest"
) -> list[Path]:
    """Writes networks as the reference does, for its own scripts to load.

    Args:
        folder: where; made if need be.
        networks: by our names, ``a2b``, ``b2a``, ``a`` and ``b``, as many as there are.
        epoch: how the files' names begin.

    Returns:
        The files, such as ``latest_net_G_A.pth``.

    Raises:
        ModelError: a network is of an architecture that the reference lacks.
    """
    files = []
    for name, network in networks.items():
        tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
        architecture = recognise(tensors, f"the network {name!r}")
        if architecture.affine:
            raise ModelError(
                f"the network {name!r} is {architecture}, and the reference has none such",
                "export a model whose generator is not affine",
            )
        buffer = io.BytesIO()
        torch.save(OrderedDict((k, v.clone()) for k, v in tensors.items()), buffer)
        file = folder / f"{epoch}_net_{FILES[name]}.pth"
        write_bytes(file, buffer.getbuffer())
        files.append(file)
    return files


def _shapes(architecture: Architecture) -> dict[str, torch.Size]:
    """The shapes of a network's tensors by name, from no memory and no random numbers."""
    with torch.device("meta"):
        return {key: value.shape for key, value in build(architecture).state_dict().items()}


def _fitted(
    tensors: dict[str, Tensor], architecture: Architecture, path: Path
) -> dict[str, Tensor]:
    """The tensors as float32, every one as the network has it.

    Raises:
        ModelError: one is missing, left over, of another shape, or not finite.
    """
    wanted = _shapes(architecture)
    wrong = [f"{key} is missing" for key in wanted if key not in tensors]
    wrong += [f"{key} is too many" for key in tensors if key not in wanted]
    wrong += [
        f"{key} is {tuple(tensors[key].shape)}, not {tuple(shape)}"
        for key, shape in wanted.items()
        if key in tensors and tensors[key].shape != shape
    ]
    wrong += [
        f"{key} has values that are no numbers"
        for key, value in tensors.items()
        if not value.isfinite().all()
    ]
    if wrong:
        raise ModelError(f"{path} looks like {architecture}, but {wrong[0]}", ANY_HINT)
    return {key: tensors[key].float().contiguous() for key in wanted}


def _epoch(file: Path) -> tuple[bool, int]:
    """For ordering: latest above all numbers."""
    epoch = file.name.split("_net_")[0]
    number = re.search(r"\d+$", epoch)
    return epoch == "latest", int(number[0]) if number else -1
