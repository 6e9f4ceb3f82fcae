"""Trained networks that another one learns from: the mean of what they say of a face."""

from __future__ import annotations

import hashlib
import inspect
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from agekit.errors import ConfigError, counted
from agekit.plugin import (
    LOSSES,
    WEIGHTS,
    AgeEstimator,
    Alignment,
    Batch,
    DataConfig,
    Estimate,
    EstimatorTrainer,
    Head,
    ImageConfig,
    LossTerms,
    evaluation_faces,
    known_points,
    load_network,
    locate,
    raw_outputs,
    read_config,
)

__all__ = ["MeanTeacher", "Teachers"]

APART = 0.02
"""Shares of the side by which eyes, nose and mouth of two frames may lie apart."""
LACKING = 3
"""Label ages that a teacher may lack at either end."""
EVERY = 60.0
"""Seconds between two lines on how far a teacher is."""
_LEAST = 1e-6
"""The least probability of an age, before it becomes a logit."""
_TAUGHT = {"teacher", "teacher_outputs"}
"""The arguments of a loss that learns from a teacher."""


class Teachers:
    """The models that are named as teachers, opened when they are asked.

    Args:
        names: names of the zoo or of the Hub, model or run folders.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    @cached_property
    def configs(self) -> list[tuple[Path, Any]]:
        """Folder and configuration of each.

        Raises:
            ModelError: there is no such model, or it is no estimator.
        """
        folders = [locate(name) for name in self.names]
        return [(folder, read_config(folder, "estimator")) for folder in folders]

    def frame(self) -> Alignment | None:
        """Where the faces lie that all of them were trained on; None where one does not say it.

        Raises:
            ConfigError: they were shown faces otherwise cut.
        """
        frames = [config.face for _, config in self.configs]
        points = [known_points(frame) for frame in frames]
        known = [one for one in points if one is not None]
        for name, one in zip(self.names, points, strict=True):
            if one is not None and np.abs(one - known[0]).max() > APART:
                raise ConfigError(
                    f"evolver.teachers: {name} knows faces cut otherwise than {self.names[0]}: its "
                    f"eyes lie at {_eyes(one)}, there at {_eyes(known[0])} of the side",
                    "take teachers that were trained on faces cut alike",
                )
        return frames[0] if len(known) == len(points) else None

    def facts(self) -> list[dict[str, Any]]:
        """Name and weights of each, as a run records them.

        Raises:
            ConfigError: one is named twice.
        """
        found: dict[str, dict[str, Any]] = {}
        for name, (folder, config) in zip(self.names, self.configs, strict=True):
            digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
            if digest in found:
                raise ConfigError(
                    f"evolver.teachers: {name} has the weights of {found[digest]['name']}",
                    "name each once",
                )
            found[digest] = {"name": config.name, "weights_sha256": digest}
        return [*found.values()]

    def load(self, device: torch.device) -> list[tuple[AgeEstimator, ImageConfig]]:
        """The frozen network of each, and how it takes images.

        Raises:
            ModelError: one is damaged, or needs a distribution that is not installed.
        """
        loaded = []
        for folder, config in self.configs:
            network, _ = load_network(folder, device, "estimator")
            loaded.append((network.requires_grad_(False), config.image))
        return loaded

    def notes(self, trainer: EstimatorTrainer) -> list[str]:
        """What to know of them before they teach a run, such as whether they saw its splits."""
        faces, lines = trainer.faces.faces, []
        for name, (_, config) in zip(self.names, self.configs, strict=True):
            trained = config.trained
            line = f"teacher {name}: {config.summary}"
            (first, last), (low, high) = config.ages, trainer.faces.ages
            if lacking := [str(age) for age in range(low, high + 1) if not first <= age <= last]:
                line += f"; it knows nothing of the ages {', '.join(lacking)}"
            if known_points(config.face) is None:
                line += (
                    "; it does not say where eyes, nose and mouth lie in its faces: it is shown "
                    "these as they are"
                )
            known = {part.get("split_hash") for part in (trained, *trained.get("parts", ()))}
            if not {part.split_hash for part in faces.parts or (faces,)} <= known:
                line += (
                    f"; it was trained by another split ({trained.get('protocol') or 'unknown'}): "
                    "where it knows the faces of val and test, their errors are too good"
                )
            lines.append(line)
        return lines


class MeanTeacher:
    """The mean of several networks, as raw outputs of the heads of the one that learns.

    A head of logits over the label ages is taught the logarithm of the mean distribution, one of
    normalised ages the mean age.

    Args:
        teachers: their names, for errors.
        loaded: as `Teachers.load` gives them.
        student: the network that learns, or another of the same heads, on the device.
        terms: what it minimises.
        data: how it takes images.

    Raises:
        ConfigError: a teacher does not fit the label ages, or a head cannot be taught by others.
    """

    def __init__(
        self,
        teachers: Teachers,
        loaded: Sequence[tuple[AgeEstimator, ImageConfig]],
        student: AgeEstimator,
        terms: LossTerms,
        data: DataConfig,
    ) -> None:
        self.teachers = teachers
        self.loaded = loaded
        self.ages = low, high = student.ages
        for name, (network, _) in zip(teachers.names, loaded, strict=True):
            if network.ages[0] > low + LACKING or network.ages[1] < high - LACKING:
                raise ConfigError(
                    f"evolver.teachers: the label ages {network.ages[0]}-{network.ages[1]} of "
                    f"{name} do not cover those of the data, {low}-{high}",
                    "leave it out of evolver.teachers",
                )
        device = next(student.parameters()).device
        self.mean, self.std = _columns(data, device)
        asked = [{*inspect.signature(LOSSES.get(term.type).forward).parameters} for term in terms]
        taught = {term.head for term, names in zip(terms, asked, strict=True) if names & _TAUGHT}
        if not taught:
            raise ConfigError(
                "evolver.offspring: no loss learns from the teachers",
                "add one that does, such as {type: evolved-ldl, head: ldl}",
            )
        self.logits = {
            name: _takes_logits(name, head, student.ages, device, name in taught)
            for name, head in student.heads.items()
            if isinstance(head, Head)
        }

    @torch.no_grad()
    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        """What they say of the augmented images of a batch, as the student sees them."""
        pixels = batch.images * self.std + self.mean
        estimates = []
        for network, image in self.loaded:
            mean, std = _columns(image, pixels.device)
            seen = pixels
            if seen.shape[-1] != image.size:
                seen = F.interpolate(seen, (image.size,) * 2, mode="bilinear", antialias=True)
            estimates.append(network.estimate(network((seen - mean) / std)))
        return self._outputs(estimates)

    def of_mixed(self, outputs: Mapping[str, Tensor], partner: Tensor) -> Mapping[str, Tensor]:
        """The same: they saw the mixed images."""
        return outputs

    @torch.no_grad()
    def stored(self, trainer: EstimatorTrainer) -> Mapping[str, Tensor]:
        """What they say of the training faces, each decoded and cut as it answers about a photo."""
        rows = trainer.faces.rows("train")
        estimates = []
        for name, (network, image) in zip(self.teachers.names, self.loaded, strict=True):
            trainer.display.line(f"  asking {name} about {counted(len(rows), 'training face')}")
            faces = evaluation_faces(
                trainer.faces.faces, image, "train", trainer.device, trainer.display
            )
            batches = _with_progress(faces.loader("train"), len(rows), trainer.display.line)
            raw = raw_outputs(network, batches)
            at = torch.from_numpy(np.searchsorted(faces.rows("train"), rows)).to(trainer.device)
            estimates.append(network.estimate({head: value[at] for head, value in raw.items()}))
        return self._outputs(estimates)

    def _outputs(self, estimates: Sequence[Estimate]) -> dict[str, Tensor]:
        low, high = self.ages
        outputs: dict[str, Tensor] = {}
        if any(self.logits.values()):
            p = torch.stack([self._p(k, estimate) for k, estimate in enumerate(estimates)]).mean(0)
            outputs |= {name: p.log() for name, logits in self.logits.items() if logits}
        age = torch.stack([estimate.age for estimate in estimates]).mean(0).clamp(low, high)
        unit = (age - low) / (high - low)
        return outputs | {name: unit for name, logits in self.logits.items() if logits is False}

    def _p(self, number: int, estimate: Estimate) -> Tensor:
        """A teacher's distribution over the student's label ages, (N, K)."""
        network, _ = self.loaded[number]
        if estimate.distribution is None:
            raise ConfigError(
                f"evolver.teachers: {self.teachers.names[number]} gives ages, and no distributions",
                "leave it out, or teach a head of ages alone",
            )
        (low, high), (first, last) = self.ages, network.ages
        p = estimate.distribution.float()[:, max(0, low - first) : high - first + 1]
        p = F.pad(p, (max(0, first - low), max(0, high - last))) + _LEAST
        return p / p.sum(-1, keepdim=True)


def _with_progress(
    batches: Iterable[Batch], faces: int, tell: Callable[[str], None]
) -> Iterator[Batch]:
    """The batches; a line a minute says how many faces are done."""
    done, told = 0, time.monotonic()
    for batch in batches:
        yield batch
        done += len(batch.images)
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            tell(f"    {done:,} of {counted(faces, 'face')}")


def _takes_logits(
    name: str, head: Head, ages: tuple[int, int], device: torch.device, taught: bool
) -> bool | None:
    """True of a head of logits over the label ages, False of normalised ages, None of another.

    Raises:
        ConfigError: it is another, and `taught`.
    """
    low, high = ages
    with torch.no_grad():
        raw = head.eval()(torch.zeros(2, head.in_features, device=device))
        if raw.shape == (2, high - low + 1):
            return True
        if raw.shape == (2,):
            unit = torch.tensor([0.25, 0.75], device=device)
            age = head.estimate(unit, "expectation", 0.9).age
            if torch.allclose(age, low + unit * (high - low), atol=0.01):
                return False
    if taught:
        raise ConfigError(
            f"the head {name!r} cannot be taught by other networks: it gives neither logits over "
            "the label ages nor normalised ages",
            "teach a head such as ldl or regression",
        )
    return None


def _columns(image: DataConfig | ImageConfig, device: torch.device) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the channels, (3, 1, 1) each."""
    mean, std = (torch.tensor(one, device=device).view(3, 1, 1) for one in (image.mean, image.std))
    return mean, std


def _eyes(points: Any) -> str:
    return " and ".join(f"({x:.2f}, {y:.2f})" for x, y in points[:2])
