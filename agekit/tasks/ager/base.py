"""The contract of generators, and the pairs of batches they are trained on."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

__all__ = ["Generator", "PairBatch"]


class Generator(nn.Module):
    """From faces of one age to the same faces of another: (N, 3, S, S) to (N, 3, S, S), -1 to 1.

    A subclass takes its recipe arguments as keywords and starts with new weights.
    """


@dataclass(frozen=True)
class PairBatch:
    """As many faces of each of two domains, unpaired.

    Attributes:
        a: (N, 3, S, S) of the domain A (young), -1 to 1.
        b: (N, 3, S, S) of the domain B (old), -1 to 1.
    """

    a: Tensor
    b: Tensor

    def __len__(self) -> int:
        """N."""
        return len(self.a)
