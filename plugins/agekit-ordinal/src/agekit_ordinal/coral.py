"""CORAL (Cao, Mirjalili and Raschka, 2020, arXiv 1901.07884): one weight vector, K-1 biases."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from agekit.plugin import Estimate, Head
from agekit_ordinal.decode import decode
from agekit_ordinal.ordinal import OrdinalLoss

__all__ = ["CoralHead", "CoralLoss"]


class CoralHead(Head):
    """Features (N, F) to logits (N, K-1), ``w.f + b_j``: the tasks share w.

    The biases start at (K-1)/(K-1), ..., 1/(K-1), as in the authors' library (in the scripts of
    the paper's experiments at 0); with biases in descending order no task contradicts another
    (theorem 1).

    Args:
        in_features: F.
        ages: the first and the last label age, years; K = last - first + 1.
    """

    def __init__(self, in_features: int, ages: tuple[int, int]) -> None:
        super().__init__(in_features, ages)
        tasks = ages[1] - ages[0]
        self.fc = nn.Linear(in_features, 1, bias=False)
        self.bias = nn.Parameter(torch.arange(tasks, 0, -1).float() / tasks)

    def forward(self, features: Tensor) -> Tensor:
        """Features (N, F) to logits (N, K-1), float32."""
        score: Tensor = self.fc(features)
        return score.float() + self.bias

    def estimate(self, raw: Tensor, rule: str, level: float) -> Estimate:
        """Logits (N, K-1) to ages; see `decode`."""
        return decode(torch.sigmoid(raw), self.ages, rule, level)


class CoralLoss(OrdinalLoss):
    """Weighted cross-entropy of the binary tasks, as CORAL has it: sum over tasks, mean over faces.

    ``-1/N sum_i sum_j lambda_j [e_ij ln p_ij + (1 - e_ij) ln(1 - p_ij)]``, in nats. With equal
    weights it is the loss ``ordinal``.

    Args:
        task_weights: lambda_j is 1 (``equal``), or ``sqrt(M_j) / max_k sqrt(M_k)`` (``sqrt``) with
            M_j the larger of the number of faces older than r_j and of the others, counted as the
            training shows them.
    """

    name: ClassVar[str] = "coral"

    def weights(self, faces: Tensor) -> Tensor:
        """lambda_j (K-1,) from the number of faces of each label age (K,)."""
        younger = faces.cumsum(0)[:-1]
        root = torch.maximum(younger, faces.sum() - younger).sqrt()
        return root / root.max()
