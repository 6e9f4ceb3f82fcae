"""OR-CNN's output layer and loss (Niu et al., CVPR 2016): K-1 binary tasks on one feature."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from agekit.errors import ConfigError
from agekit.plugin import Estimate, Head, Loss, Target
from agekit_ordinal.decode import decode
from agekit_ordinal.tasks import AgeCounts, older

__all__ = ["OrdinalHead", "OrdinalLoss", "check_task_weights"]


def check_task_weights(loss: str, value: str) -> None:
    """Refuses a `task_weights` that is neither ``equal`` nor ``sqrt``.

    Raises:
        ConfigError: naming the loss.
    """
    if value not in ("equal", "sqrt"):
        raise ConfigError(f"{loss}: task_weights must be 'equal' or 'sqrt' (got {value!r})")


class OrdinalHead(Head):
    """Features (N, F) to the logits of the K-1 tasks "older than r_j?", (N, K-1).

    Args:
        in_features: F.
        ages: the first and the last label age, years; K = last - first + 1.
        two_way: two outputs a task through a softmax, as the paper has it, in place of one through
            a sigmoid. What is given is their difference: the softmax of two is the sigmoid of it.
    """

    def __init__(self, in_features: int, ages: tuple[int, int], *, two_way: bool = False) -> None:
        super().__init__(in_features, ages)
        self.two_way = two_way
        self.fc = nn.Linear(in_features, (ages[1] - ages[0]) * (2 if two_way else 1))

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to logits (N, K-1)."""
        outputs: Tensor = self.fc(features)
        if not self.two_way:
            return outputs
        no, yes = outputs.float().view(len(outputs), -1, 2).unbind(-1)
        return yes - no

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Logits (N, K-1) to ages; see `decode`."""
        return decode(torch.sigmoid(raw), self.ages, rule, level)


class OrdinalLoss(Loss):
    """Cross-entropy of the binary tasks: Niu et al. (2016).

    ``-1/N sum_i sum_j lambda_j [e_ij ln p_ij + (1 - e_ij) ln(1 - p_ij)]``, in nats.

    Args:
        task_weights: lambda_j is 1 (``equal``), or ``sqrt(N_j) / sum_k sqrt(N_k)`` (``sqrt``) with
            N_j the faces of age r_j, counted as the training shows them.
    """

    name: ClassVar[str] = "ordinal"

    def __init__(self, *, task_weights: Literal["equal", "sqrt"] = "equal") -> None:
        super().__init__()
        check_task_weights(self.name, task_weights)
        self.counts = AgeCounts() if task_weights == "sqrt" else None

    def forward(self, raw: Tensor, target: Target) -> Tensor:
        """Logits (N, K-1) to a scalar."""
        per_task = F.binary_cross_entropy_with_logits(
            raw.float(), older(target), reduction="none"
        ).mean(0)
        if self.counts is None:
            return per_task.sum()
        return (self.weights(self.counts(target)) * per_task).sum()

    def weights(self, faces: Tensor) -> Tensor:
        """lambda_j (K-1,) from the number of faces of each label age (K,)."""
        root = faces[:-1].sqrt()
        return root / root.sum()
