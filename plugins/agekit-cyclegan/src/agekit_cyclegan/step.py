"""The training step of CycleGAN: both generators, then both discriminators."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

import torch
import torch.distributed as dist
from agekit_ager import PairBatch
from agekit_ager.parallel import average_gradients, broadcast
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.plugin import rank_and_world
from agekit_cyclegan.generators import ResnetGenerator
from agekit_cyclegan.losses import distance, verdict
from agekit_cyclegan.pool import ImagePool

__all__ = ["CycleGANStep"]


class CycleGANStep(BaseModel):  # type: ignore[misc]
    """What mmengine's Runner trains: one step over a batch of pairs.

    The reference calls each generator three times and each discriminator three times. Here the
    passes through a generator whose inputs are known together go through as one batch, and so do a
    discriminator's real and fake images: no layer mixes the images of a batch, so losses and
    gradients are the same but for rounding.

    Args:
        generators: ``a2b`` makes faces of the domain A ones of B (the reference's G_A), ``b2a``
            the other way (G_B).
        discriminators: ``a`` judges faces of A (the reference's D_B), ``b`` those of B (D_A).
        lambda_cycle: weight of the cycle losses.
        lambda_identity: weight of the identity losses, as a share of `lambda_cycle`; 0 leaves out
            the passes that they need.
        pool: how many former fakes of each domain the discriminators are shown.
        size: S, the side of the images.
        freeze_blocks: keep the generators' encoder and their first blocks, up to and with this
            one, as they are; 0 freezes nothing.
        seed: of the pools' draws.
        dtype: of autocast, or None for the networks' own.
        plain: in the reference's order, one pass after another; slower, with the same result.

    Raises:
        ConfigError: the generators cannot be frozen so.
    """

    def __init__(
        self,
        generators: nn.ModuleDict,
        discriminators: nn.ModuleDict,
        *,
        size: int,
        lambda_cycle: float = 10.0,
        lambda_identity: float = 0.5,
        pool: int = 50,
        freeze_blocks: int = 0,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        plain: bool = False,
    ) -> None:
        super().__init__()
        self.generators = generators
        self.discriminators = discriminators
        self.pools = nn.ModuleDict(
            {name: ImagePool(pool, size, seed=2 * seed + i) for i, name in enumerate("ab")}
        )
        self.lambda_cycle = lambda_cycle
        self.lambda_identity = lambda_identity
        self.plain = plain
        self._dtype = dtype
        self._world = 1
        for generator in generators.values():
            if isinstance(generator, ResnetGenerator):
                generator.freeze(freeze_blocks)
            elif freeze_blocks:
                raise ConfigError(
                    f"evolver.freeze_blocks: a {type(generator).__name__} has no blocks to freeze",
                    "use a ResNet generator, or freeze_blocks: 0",
                )

    def parallelise(self) -> None:
        """Averages gradients, and shares the pools, over the processes from now on.

        Every process must bring as many pairs to a step.
        """
        self._world = rank_and_world()[1]
        broadcast(self)

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Mixed precision as this step was told."""
        on = self._dtype is not None
        return torch.autocast(device.type, dtype=self._dtype or torch.bfloat16, enabled=on)

    def forward(self, pairs: PairBatch) -> dict[str, Tensor]:
        """The fakes, by generator."""
        with self.autocast(pairs.a.device):
            return {"a2b": self.generators["a2b"](pairs.a), "b2a": self.generators["b2a"](pairs.b)}

    def train_step(self, data: PairBatch, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """One update of every network.

        Returns:
            The weighted losses, detached, on the device: ``gan_a2b`` and ``gan_b2a`` of the
            generators, ``cycle_a`` and ``cycle_b``, ``identity_a`` and ``identity_b`` of the
            domains (zero where left out), their sum ``loss``, and ``disc_a`` and ``disc_b`` of the
            discriminators.
        """
        with self.autocast(data.a.device):
            self.discriminators.requires_grad_(False)
            fakes, losses = self._generate(data)
            total = torch.stack(list(losses.values())).sum()
        self._update(optim_wrapper["generators"], total)
        with self.autocast(data.a.device):
            self.discriminators.requires_grad_(True)
            judged = {
                f"disc_{name}": self._judge(name, real, fakes[name])
                for name, real in (("a", data.a), ("b", data.b))
            }
            wrong = torch.stack(list(judged.values())).sum()
        self._update(optim_wrapper["discriminators"], wrong)
        losses |= judged
        if not self.lambda_identity:
            losses |= {f"identity_{name}": torch.zeros_like(total) for name in "ab"}
        return {"loss": total.detach(), **{name: v.detach() for name, v in losses.items()}}

    def _generate(self, data: PairBatch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The fakes by the domain they are to look like, and the generators' losses."""
        a2b, b2a = self.generators["a2b"], self.generators["b2a"]
        same: dict[str, Tensor] = {}
        if self.plain or not self.lambda_identity:
            fake_b = a2b(data.a)
            cycled_a = b2a(fake_b)
            fake_a = b2a(data.b)
            cycled_b = a2b(fake_a)
            if self.lambda_identity:
                same = {"b": a2b(data.b), "a": b2a(data.a)}
        else:
            fake_b, same["b"] = a2b(torch.cat((data.a, data.b))).chunk(2)
            fake_a, same["a"] = b2a(torch.cat((data.b, data.a))).chunk(2)
            cycled_a, cycled_b = b2a(fake_b), a2b(fake_a)
        losses = {
            "gan_a2b": verdict(self.discriminators["b"](fake_b), real=True),
            "gan_b2a": verdict(self.discriminators["a"](fake_a), real=True),
            "cycle_a": self.lambda_cycle * distance(cycled_a, data.a),
            "cycle_b": self.lambda_cycle * distance(cycled_b, data.b),
        }
        weight = self.lambda_cycle * self.lambda_identity
        truth: Mapping[str, Tensor] = {"a": data.a, "b": data.b}
        losses |= {f"identity_{d}": weight * distance(same[d], truth[d]) for d in sorted(same)}
        return {"a": fake_a, "b": fake_b}, losses

    def _judge(self, domain: str, real: Tensor, fake: Tensor) -> Tensor:
        """What the discriminator of a domain gets wrong about real faces and pooled fakes."""
        discriminator = self.discriminators[domain]
        shown = self._pooled(domain, fake)
        if self.plain:
            of_real, of_fake = discriminator(real), discriminator(shown)
        else:
            of_real, of_fake = discriminator(torch.cat((real, shown))).chunk(2)
        return 0.5 * (verdict(of_real, real=True) + verdict(of_fake, real=False))

    def _pooled(self, domain: str, fake: Tensor) -> Tensor:
        """This process's part of what the pool gives for the fakes of all processes.

        All keep the same pool, so that the first one's checkpoint is that of all. The images of a
        step go to the processes in turn, and so the fakes come back.
        """
        if self._world == 1:
            pooled: Tensor = self.pools[domain](fake)
            return pooled
        every = [torch.empty_like(fake) for _ in range(self._world)]
        dist.all_gather(every, fake.detach().contiguous())
        shown: Tensor = self.pools[domain](torch.stack(every, 1).flatten(0, 1))
        return shown[rank_and_world()[0] :: self._world]

    def _update(self, optimizer: OptimWrapper, loss: Tensor) -> None:
        optimizer.backward(optimizer.scale_loss(loss))
        if not optimizer.should_update():
            return
        if self._world > 1:
            average_gradients(optimizer)
        optimizer.step()
        optimizer.zero_grad()
