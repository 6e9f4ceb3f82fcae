"""The evolver `reaging`: a teacher's pairs first, then a game against a discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from agekit_ager import AgeEvolver, AgerRecipe, AgeTrainer, load_ager
from agekit_prototypes.selection import chosen
from torch import nn

from agekit.errors import ConfigError
from agekit.plugin import Batch, Culprit, Faces, Generator, autocast_dtype, locate, optim_wrappers
from agekit_reaging.discriminator import AgeDiscriminator
from agekit_reaging.guide import Guide
from agekit_reaging.step import GameStep, TeacherStep

__all__ = ["Reaging"]

NETWORKS = ("ager", "discriminator")


class Reaging(AgeEvolver):
    """Trains a generator that takes ages, in two generations of `train.epochs` each.

    The first learns what a teacher makes of the training faces; the second goes on from it, in a
    game against a discriminator. Without a teacher there is the game alone.

    Args:
        teacher: an ager by age, of the zoo or a folder; None for the game alone.
        guides: estimators, of the zoo or folders, that come in late; none do without.
        game: weight of the discriminator's verdict.
        cycle: weight of coming back to the own age, L1.
        smooth: weight of the total variation of the change.
        near: weight of the L1 distance from the teacher, which fades to a fifth of it.
        guide: weight of a decade by which the guides see the age off what was wanted.
        jitter: how much each face is turned, scaled and moved before the guides look; 0 leaves it.
        r1: weight of the penalty on the discriminator's gradient.
        width: channels of the discriminator's first layer.
        most: training faces of each decade, gender and dataset to learn from; None for all.
    """

    def __init__(
        self,
        *,
        teacher: str | None = "prototypes",
        guides: Sequence[str] = (),
        game: float = 0.1,
        cycle: float = 2.0,
        smooth: float = 0.1,
        near: float = 2.0,
        guide: float = 0.1,
        jitter: float = 1.0,
        r1: float = 1.0,
        width: int = 32,
        most: int | None = None,
    ) -> None:
        self.weights = {
            "game": game,
            "cycle": cycle,
            "smooth": smooth,
            "teacher": near,
            "guide": guide,
            "r1": r1,
        }
        for name, value in self.weights.items():
            if value < 0:
                raise ConfigError(f"evolver.{name}: must not be negative (got {value:g})")
        for name, count in (("width", width), ("most", most)):
            if count is not None and count < 1:
                raise ConfigError(f"evolver.{name}: must be at least 1 (got {count})")
        if not 0 <= jitter <= 1:
            raise ConfigError(f"evolver.jitter: must be from 0 to 1 (got {jitter:g})")
        self.jitter = jitter
        self.teacher = teacher
        self.guides = tuple(guides)
        self.width = width
        self.most = most

    def select(self, faces: Faces) -> Faces:
        """All of them, or as many of each age, gender and dataset."""
        return faces if self.most is None else chosen(faces, self.most)

    def rehearse(self, recipe: AgerRecipe, network: Any, device: torch.device) -> None:
        """One step of each kind on noise."""
        images = torch.rand(4, 3, recipe.data.size, recipe.data.size, device=device) * 2 - 1
        age = torch.tensor([10.0, 25.0, 40.0, 65.0], device=device)
        batch = Batch(images, age, torch.zeros_like(age), torch.arange(4, device=device))
        teacher, reach = self._teacher(network, device)
        losses: dict[str, torch.Tensor] = {}
        if teacher is not None:
            taught = TeacherStep(network, teacher, reach, self._dtype(recipe, device))
            losses |= taught.train_step(batch, optim_wrappers(recipe.train, taught, ()))
        game = self._game(recipe, network, teacher, device, 1)
        losses |= game.train_step(batch, optim_wrappers(recipe.train, game, NETWORKS))
        if bad := [name for name, value in losses.items() if not value.isfinite()]:
            raise ValueError(f"the loss {bad[0]} is not finite")

    def run(self, trainer: AgeTrainer) -> nn.Module:
        """One generation, or two."""
        recipe, device = trainer.recipe, trainer.device
        teacher, reach = self._teacher(trainer.build(0), device)
        taught: Generator | None = None
        if teacher is not None:
            dtype = self._dtype(recipe, device)
            # Beyond its reach a teacher goes no farther, and would teach one face for many ages.
            ages = max(trainer.ages[0], reach[0]), min(trainer.ages[1], reach[1])

            def learn(ager: Generator) -> TeacherStep:
                step = TeacherStep(self._compiled(recipe, ager), teacher, ages, dtype)
                return step.to(device)  # type: ignore[no-any-return]

            taught = trainer.generation(1, learn)

        def play(ager: Generator) -> GameStep:
            if taught is not None:
                ager.load_state_dict(taught.state_dict())
            batches = len(trainer.faces.training_loader(recipe.train.batch_size, 0))
            steps = batches * recipe.train.epochs
            return self._game(recipe, self._compiled(recipe, ager), teacher, device, steps)

        return trainer.generation(1 if taught is None else 2, play, optimizers=NETWORKS)

    def _game(
        self,
        recipe: AgerRecipe,
        ager: nn.Module,
        teacher: Generator | None,
        device: torch.device,
        steps: int,
    ) -> GameStep:
        points = getattr(ager, "points", None)
        guides = []
        if points is not None:
            guides = [Guide(name, points, device, self.jitter) for name in self.guides]
        elif self.guides:
            raise ConfigError(
                f"the generator {recipe.generator.type!r} does not say where eyes, nose and mouth "
                "lie in its faces, which guides need to know",
                "leave them out: evolver.guides: []",
            )
        made: GameStep = GameStep(
            ager,
            AgeDiscriminator(self.width),
            teacher,
            guides,
            self.weights,
            steps,
            self._dtype(recipe, device),
        ).to(device)
        return made

    def _teacher(
        self, network: Any, device: torch.device
    ) -> tuple[Generator | None, tuple[float, float]]:
        """The teacher, frozen, which must be shown faces as the network is; and its ages."""
        if self.teacher is None:
            return None, (0.0, 0.0)
        ager, config = load_ager(locate(self.teacher), device)
        if config.ages is None:
            raise ConfigError(
                f"the teacher {self.teacher} goes from young to old, and knows no ages",
                "choose an ager by age",
            )
        if getattr(network, "frame", None) != ager.frame:
            raise Culprit("generator", type(network).__name__, network).error(
                f"has its faces cut otherwise than the teacher {self.teacher}",
                "set generator.margin to that of the teacher",
            )
        ager.requires_grad_(False)
        made: Generator = ager
        return made, config.ages

    @staticmethod
    def _compiled(recipe: AgerRecipe, ager: Generator) -> Generator:
        if recipe.train.compile:
            ager.compile()
        return ager

    @staticmethod
    def _dtype(recipe: AgerRecipe, device: torch.device) -> torch.dtype | None:
        return autocast_dtype(recipe.train.amp, device)
