"""The moving average of a network's weights (`train.ema`)."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseAveragedModel
from torch import Tensor, nn

__all__ = ["WarmedAverage"]


class WarmedAverage(BaseAveragedModel):  # type: ignore[misc]
    """An exponential moving average whose memory is short at first, as TensorFlow's and timm's.

    After t updates the average keeps the share ``min(decay, (1 + t) / (10 + t))`` of itself: with a
    fixed share the new weights of a network that is trained for a few epochs would stay in it.
    Buffers, such as the statistics of batch normalisation, are those of the last step.

    Args:
        model: the network.
        decay: the share that is kept in the long run, 0 to 1.
        interval: steps from one update to the next.
    """

    def __init__(self, model: nn.Module, *, decay: float, interval: int = 1) -> None:
        super().__init__(model, interval)
        self.decay: float = decay
        self._steps: int | None = None
        """As `steps`, without asking the device for it in each step."""

    def avg_func(self, averaged_param: Tensor, source_param: Tensor, steps: int) -> None:
        """One tensor of `update_parameters`, which averages all at once."""
        averaged_param.lerp_(source_param, self.share(steps))

    def share(self, steps: int) -> float:
        """The share that an update takes of the network's weights after so many steps."""
        updates: int = steps // self.interval
        return 1.0 - min(self.decay, updates / (9 + updates))

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Takes the weights of a step into the average."""
        steps = int(self.steps) if self._steps is None else self._steps
        if steps % self.interval == 0:
            own: list[Tensor] = list(self.module.parameters())
            new: list[Tensor] = list(model.parameters())
            torch._foreach_lerp_(own, new, self.share(steps))
        for mean, last in zip(self.module.buffers(), model.buffers(), strict=True):
            mean.copy_(last)
        self.steps += 1
        self._steps = steps + 1

    def load_state_dict(self, *arguments: Any, **options: Any) -> Any:
        """As a module's; the steps are counted on from those of the state."""
        self._steps = None
        return super().load_state_dict(*arguments, **options)
