"""The evolver `cyclegan`: two generators that undo each other, two judges (arXiv 1703.10593)."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from agekit_ager import AgerRecipe, AgerTrainer, FaceAger, PairBatch
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.plugin import Evolver, autocast_dtype, optim_wrappers
from agekit_cyclegan.checkpoints import generator_weights
from agekit_cyclegan.discriminator import PatchGAN
from agekit_cyclegan.step import CycleGANStep

__all__ = ["CycleGAN"]

NETWORKS = ("generators", "discriminators")


class CycleGAN(Evolver[AgerTrainer]):
    """Trains both directions at once, on faces of which no two are of the same person.

    Args:
        lambda_cycle: weight of the cycle losses.
        lambda_identity: weight of the identity losses, as a share of `lambda_cycle`; 0 leaves
            them, and the passes they need, out.
        pool: how many former fakes the discriminators are shown besides the new ones.
        freeze_blocks: keep the generators' encoder and their first blocks, up to and with this
            one, as they start; 0 freezes nothing.
        discriminator_width: channels of the discriminators' first layer.
        discriminator_layers: how many of their layers halve the image, less one.
    """

    kind: ClassVar[str] = "ager"
    passes: ClassVar[int] = 6
    """Two fakes, two cycles, two identities."""

    def __init__(
        self,
        *,
        lambda_cycle: float = 10.0,
        lambda_identity: float = 0.5,
        pool: int = 50,
        freeze_blocks: int = 0,
        discriminator_width: int = 64,
        discriminator_layers: int = 3,
    ) -> None:
        for name, value in (("lambda_cycle", lambda_cycle), ("lambda_identity", lambda_identity)):
            if value < 0:
                raise ConfigError(f"evolver.{name}: must not be negative (got {value})")
        self.lambda_cycle = lambda_cycle
        self.lambda_identity = lambda_identity
        self.pool = pool
        self.freeze_blocks = freeze_blocks
        self.width = discriminator_width
        self.layers = discriminator_layers

    def run(self, trainer: AgerTrainer) -> FaceAger:
        """One generation."""
        return trainer.generation(
            1,
            lambda ager: self._compiled(trainer, ager),
            optimizers=NETWORKS,
        )

    def _compiled(self, trainer: AgerTrainer, ager: FaceAger) -> CycleGANStep:
        step = self._step(trainer.recipe, ager, trainer.device, trainer.seed_of(1))
        if trainer.recipe.train.compile:
            for network in (*step.generators.values(), *step.discriminators.values()):
                network.compile()
        return step

    def rehearse(self, recipe: AgerRecipe, ager: FaceAger, device: torch.device) -> None:
        """One step on noise."""
        step = self._step(recipe, ager, device, 0)
        a, b = torch.rand(2, 1, 3, recipe.data.size, recipe.data.size, device=device) * 2 - 1
        losses = step.train_step(PairBatch(a, b), optim_wrappers(recipe.train, step, NETWORKS))
        if bad := [name for name, value in losses.items() if not value.isfinite()]:
            raise ValueError(f"the loss {bad[0]} is not finite")

    def _step(
        self, recipe: AgerRecipe, ager: FaceAger, device: torch.device, seed: int
    ) -> CycleGANStep:
        """Of new discriminators, drawn from torch's random state."""
        judges = {name: PatchGAN(width=self.width, layers=self.layers) for name in "ab"}
        step: CycleGANStep = CycleGANStep(
            nn.ModuleDict({"a2b": ager.old, "b2a": ager.young}),
            nn.ModuleDict(judges),
            lambda_cycle=self.lambda_cycle,
            lambda_identity=self.lambda_identity,
            pool=self.pool,
            size=recipe.data.size,
            freeze_blocks=self.freeze_blocks,
            seed=seed,
            dtype=autocast_dtype(recipe.train.amp, device),
        ).to(device)
        return step

    def initial(self, path: Path) -> dict[str, Tensor]:
        """The generators of a checkpoint of the reference, or a folder of them, to start from."""
        return generator_weights(path, affine=False)

    def weights(self, path: Path) -> dict[str, Tensor]:
        """The same, whole, for ``agekit convert``: with the normalisation that some learn."""
        return generator_weights(path)
