"""Weights by which training faces are drawn: rare ages, and small datasets, more often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agekit.data.join import rows_by_dataset
from agekit.data.table import FaceTable
from agekit.errors import ConfigError, nearest
from agekit.recipe.schema import BalanceConfig

__all__ = ["Sampling", "age_weights", "dataset_weights"]


@dataclass(frozen=True)
class Sampling:
    """The weights by which the faces of an epoch are drawn, with replacement.

    Attributes:
        common: (N,), those of every epoch; None where all faces come alike.
        ages: (N,), by which they are multiplied in the epochs of `balance`.
        balance: says which these are.
        epochs: of the generation.
    """

    common: NDArray[np.float64] | None
    ages: NDArray[np.float64] | None
    balance: BalanceConfig | None
    epochs: int

    def weights(self, epoch: int) -> NDArray[np.float64] | None:
        """Those of an epoch, counted from 0; None where each face comes once."""
        if self.balance is None or not self.balance.holds(epoch, self.epochs):
            return self.common
        assert self.ages is not None
        return self.ages if self.common is None else self.ages * self.common


def age_weights(age: NDArray[np.float32], config: BalanceConfig) -> NDArray[np.float64]:
    """The weights of faces by their ages, 1 on average.

    Args:
        age: (N,) years.
        config: see there.
    """
    which = np.floor(age / config.bins).astype(np.int64)
    density = np.bincount(which).astype(np.float64)
    if config.smooth:
        reach = np.arange(-len(density) + 1, len(density)) * config.bins / config.smooth
        kernel = np.exp(-0.5 * reach**2)
        density = np.convolve(density, kernel / kernel.sum())[len(density) - 1 :][: len(density)]
    weights = density[which] ** -config.power
    return np.asarray(weights / weights.mean(), np.float64)


def dataset_weights(
    table: FaceTable, rows: NDArray[np.int64], weights: Mapping[str, float]
) -> NDArray[np.float64] | None:
    """The weights of faces by their datasets; 1 for a dataset that is not named.

    Args:
        table: of one or several datasets.
        rows: (N,) the faces.
        weights: dataset → how often one of its faces is drawn beside one of another.

    Raises:
        ConfigError: one of them is not there.
    """
    if not weights:
        return None
    parts = rows_by_dataset(table)
    if odd := sorted(weights.keys() - parts.keys()):
        have = f"the faces are of {' and '.join(parts)}" if parts else "there is one dataset only"
        raise ConfigError(
            f"data.weights: there is no dataset {odd[0]!r}{nearest(odd[0], parts)}: {have}",
            "leave it out, or train on several datasets, as in utkface+all-age-faces",
        )
    out = np.ones(len(table))
    for name, weight in weights.items():
        out[parts[name]] = weight
    return np.asarray(out[rows])
