"""The contract of generators, the networks that change faces."""

from __future__ import annotations

from torch import nn

__all__ = ["Generator"]


class Generator(nn.Module):
    """From faces of one age to the same faces of another: (N, 3, S, S) to (N, 3, S, S), -1 to 1.

    A subclass takes its recipe arguments as keywords and starts with new weights.
    """
