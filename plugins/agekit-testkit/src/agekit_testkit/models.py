"""Model folders without training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agekit.data.alignment import Alignment
from agekit.errors import ConfigError
from agekit.recipe import resolve
from agekit.tasks.estimator.build import build
from agekit.tasks.estimator.card import estimator_card
from agekit.tasks.estimator.export import model_config
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.zoo.folder import save_model

__all__ = ["write_untrained"]

ROW = {"n": 9, "mae": 3.25, "bias": -0.5, "ca5": 0.5, "cs5": 0.625, "coverage": 0.9}
TEST = {
    **ROW,
    "by_age": [{"ages": "10-19", "n": 9, "mae": 3.25, "bias": -0.5}],
    "by_gender": {"female": {"n": 4, "mae": 2.5}},
}
METRICS = {"generations": [{"generation": 1, "metrics": {"test": TEST}}], "test": TEST}
INFO = {"name": "tiny", "recipe": "ldl-reg-resnet10-tiny", "seed": 3, "protocol": "none:all"}
SIZE = 32
MARGIN = 1.5


def write_untrained(
    folder: Path,
    recipe: str = "ldl-reg-resnet10-tiny",
    ages: tuple[int, int] = (10, 40),
    overrides: Sequence[str] = (),
    face: Alignment | None = None,
) -> Path:
    """Writes the untrained model of an estimator's recipe, for 32 x 32 pixels; made-up metrics.

    Args:
        folder: to make.
        recipe: such as ``ldl-resnet10-tiny``.
        ages: the first and the last label age, years.
        overrides: as ``--set`` takes them.
        face: where the faces lie that it was trained on; None leaves it unknown.

    Returns:
        The folder.

    Raises:
        ConfigError: the recipe has mistakes, or is one of an ager.
    """
    resolved = resolve(recipe, overrides=[f"data.size={SIZE}", *overrides]).recipe
    if not isinstance(resolved, EstimatorRecipe):
        raise ConfigError(
            f"{recipe} is a recipe of the kind {resolved.kind!r}, not of an estimator"
        )
    network = build(recipe, ages, size=SIZE).eval()
    network.correction = MARGIN
    interval = {"level": 0.9, "margin": MARGIN, "calibrated_on": "val"}
    config = model_config(resolved, network, INFO, interval, face or Alignment())
    save_model(folder, network, config, METRICS, estimator_card(config, METRICS))
    return folder
