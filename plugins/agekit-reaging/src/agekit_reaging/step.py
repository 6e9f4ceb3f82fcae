"""The training steps: after a teacher, then against a discriminator."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch
from agekit_ager.parallel import average_gradients, broadcast
from agekit_prototypes.bands import to_ycc
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, relu

from agekit.plugin import Batch, Generator, NetworkStep
from agekit_reaging.discriminator import AgeDiscriminator
from agekit_reaging.guide import Guide

__all__ = ["GameStep", "TeacherStep"]

DEAD = 4.0
"""Years by which a guide may be off without a loss: it errs by as much itself."""
SHRINKING = 0.8
"""The share of the teacher's weight that is gone at the end of the game."""
LAZY = 8
"""Every how many steps the discriminator's gradient is held down (Karras et al., CVPR 2020)."""


class TeacherStep(NetworkStep):
    """Learns the pairs of a teacher: a face, its age, another age, and what the teacher makes.

    Args:
        network: what is trained.
        teacher: which takes ages likewise; frozen.
        ages: the first and the last age that is asked for, years.
        dtype: of autocast, or None for float32.
    """

    def __init__(
        self,
        network: nn.Module,
        teacher: Generator,
        ages: tuple[float, float],
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(network, dtype)
        self._teacher = (teacher,)
        self.ages = ages

    def train_step(self, data: Batch, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        """One update; the loss is the L1 distance, of the whole and again of its detail."""
        first, last = self.ages
        to = first + (last - first) * torch.rand_like(data.age)
        with torch.no_grad():
            goal = self._teacher[0](data.images.float(), data.age, to)
        with self.autocast(data.images.device):
            made = self.call(data.images, data.age, to)
        off = made.float() - goal
        losses = {"teacher": off.abs().mean(), "detail": (off - _low(off)).abs().mean()}
        total = torch.stack(list(losses.values())).sum()
        optim_wrapper.update_params(total)
        return {"loss": total.detach(), **{name: loss.detach() for name, loss in losses.items()}}


class GameStep(BaseModel):  # type: ignore[misc]
    """A game against a discriminator that is told the age.

    Hinge losses; the discriminator sees real faces at their age, made ones at the age that was
    wanted, and real ones with a wrong age. Besides: back to the own age (cycle), total variation
    of the change, nearness to the teacher, which fades, and guides, which come late.

    Args:
        ager: the generator.
        discriminator: its opponent.
        teacher: frozen, or None.
        guides: frozen estimators.
        weights: of the losses ``game``, ``cycle``, ``smooth``, ``teacher``, ``guide`` and ``r1``.
        steps: how many there will be.
        dtype: of autocast, or None for float32.
    """

    def __init__(
        self,
        ager: nn.Module,
        discriminator: AgeDiscriminator,
        teacher: Generator | None,
        guides: Sequence[Guide],
        weights: dict[str, float],
        steps: int,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.ager = ager
        self.discriminator = discriminator
        # In tuples, so that what is frozen is no part of the step: it is not saved.
        self._teacher = () if teacher is None else (teacher,)
        self._guides = tuple(guides)
        self.weights = weights
        self.steps = steps
        self.register_buffer("done", torch.zeros((), dtype=torch.int64))
        self._count = 0  # as `done`, for which no step has to wait for the device
        self.register_load_state_dict_post_hook(lambda step, _: step._recount())
        self._dtype = dtype
        self._parallel = False

    def _recount(self) -> None:
        self._count = int(self.done)

    def parallelise(self) -> None:
        """Averages gradients over the processes from now on."""
        broadcast(self)
        self._parallel = True

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        """Mixed precision as this step was told."""
        on = self._dtype is not None
        return torch.autocast(device.type, dtype=self._dtype or torch.bfloat16, enabled=on)

    def forward(self, data: Batch) -> Tensor:
        """Faces at each other's ages."""
        made: Tensor = self.ager(data.images, data.age, data.age.roll(1))
        return made

    def train_step(self, data: Batch, optim_wrapper: OptimWrapperDict) -> dict[str, Tensor]:
        """One update of the generator, then one of the discriminator."""
        part = min(self._count / max(self.steps, 1), 1.0)
        # Ages of other faces of the batch are as frequent as real ones are.
        to = data.age[torch.randperm(len(data.age), device=data.age.device)]
        with self.autocast(data.images.device):
            self.discriminator.requires_grad_(False)
            made, losses = self._generate(data, to, part)
            total = torch.stack(list(losses.values())).sum()
        self._update(optim_wrapper["ager"], total)
        self.discriminator.requires_grad_(True)
        with self.autocast(data.images.device):
            losses["judged"] = self._judge(data, made.detach(), to)
        wrong = losses["judged"]
        if self.weights["r1"] and self._count % LAZY == 0:
            wrong = wrong + LAZY * self._gradient(data)
        self._update(optim_wrapper["discriminator"], wrong)
        self._count += 1
        self.done += 1
        return {"loss": total.detach(), **{name: loss.detach() for name, loss in losses.items()}}

    def _generate(self, data: Batch, to: Tensor, part: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The faces made, and the generator's losses, weighted."""
        weights, images = self.weights, data.images
        made = self.ager(images, data.age, to)
        back = self.ager(made, to, data.age)
        change = made.float() - images
        losses = {
            "game": -weights["game"] * self.discriminator(made, to).mean(),
            "cycle": weights["cycle"] * (back.float() - images).abs().mean(),
            "smooth": weights["smooth"] * _variation(change),
        }
        if self._teacher and weights["teacher"]:
            with torch.no_grad():
                goal = self._teacher[0](images.float(), data.age, to)
            weight = weights["teacher"] * (1 - SHRINKING * part)
            losses["teacher"] = weight * (made.float() - goal).abs().mean()
        if self._guides:
            # From nothing at a third of the game to the whole weight at two thirds.
            ramp = min(max(3 * part - 1, 0.0), 1.0)
            losses["guide"] = weights["guide"] * ramp * self._guided(images, made, to - data.age)
        return made, losses

    def _guided(self, before: Tensor, after: Tensor, years: Tensor) -> Tensor:
        """How far the guides see the change of age off what was wanted, in decades.

        They see what changes of the light alone. Of colours they would ask for patterns, red cheeks
        and green lips, which judges that never guided believe as well.
        """
        after = before + to_ycc(after.float() - before)[:, :1]
        jitter = torch.rand(len(years), 4, device=years.device) * 2 - 1
        off = []
        for guide in self._guides:
            with torch.no_grad():
                had = guide(before, jitter)
            off.append(relu((guide(after, jitter) - had - years).abs() - DEAD).mean() / 10)
        return torch.stack(off).mean()

    def _judge(self, data: Batch, made: Tensor, to: Tensor) -> Tensor:
        """The discriminator's hinge loss."""
        apart = 15 + 25 * torch.rand_like(data.age)
        wrong = data.age + torch.where(data.age < 40, apart, -apart)
        shown = torch.cat([data.images, made.to(data.images.dtype), data.images])
        real, fake, odd = self.discriminator(shown, torch.cat([data.age, to, wrong])).chunk(3)
        return relu(1 - real).mean() + (relu(1 + fake).mean() + relu(1 + odd).mean()) / 2

    def _gradient(self, data: Batch) -> Tensor:
        """R1 (Mescheder et al., ICML 2018): the gradient of verdicts on real faces, squared."""
        images = data.images.float().detach().requires_grad_()
        verdict = self.discriminator(images, data.age)
        [slope] = torch.autograd.grad(verdict.mean((1, 2)).sum(), images, create_graph=True)
        return self.weights["r1"] / 2 * slope.square().sum((1, 2, 3)).mean()

    def _update(self, optimizer: OptimWrapper, loss: Tensor) -> None:
        optimizer.backward(optimizer.scale_loss(loss))
        if not optimizer.should_update():
            return
        if self._parallel:
            average_gradients(optimizer)
        optimizer.step()
        optimizer.zero_grad()


def _low(images: Tensor) -> Tensor:
    """What is coarser than about five pixels."""
    return avg_pool2d(images, 5, 1, 2, count_include_pad=False)


def _variation(change: Tensor) -> Tensor:
    """Total variation, a pixel's mean."""
    down, along = change.diff(dim=2).abs().mean(), change.diff(dim=3).abs().mean()
    return down + along
