"""A model folder of the weights that the authors published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agekit.errors import ConfigError
from agekit.plugin import (
    Alignment,
    ModelConfig,
    build_estimator,
    core_version,
    estimator_card,
    model_config,
    resolve,
    save_model,
    tell,
)
from agekit_ssrnet.h5 import opened
from agekit_ssrnet.published import AGES, load_published, recognise

__all__ = ["import_keras"]


def import_keras(
    source: Path,
    out: Path,
    *,
    name: str | None = None,
    size: int | None = None,
    margin: float | None = None,
) -> ModelConfig:
    """Makes a model folder of a file of Keras: SSR-Net, its MobileNet or its DenseNet.

    Args:
        source: the file.
        out: the folder to make.
        name: of the model; else that of the file.
        size: side of its images, pixels; see `recognise`.
        margin: around the standard frame of the faces it was trained on; None if that is unknown.

    Returns:
        What the folder's ``config.json`` holds.

    Raises:
        ConfigError: the folder is there already, or h5py is not installed.
        ModelError: the file cannot be read, or is of another network.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is there already", "name a folder that is not there yet")
    with opened(source) as file:
        found = recognise(file, size)
        recipe: Any = resolve(found.recipe, overrides=list(found.overrides)).recipe
        network = build_estimator(recipe, AGES, 0).eval()
        load_published(file, network, found)
    tell(
        f"{source} does not say, and is taken so: {found.guessed}; pixels from 0 to 255, as the "
        f"authors' code; ages {AGES[0]}-{AGES[1]}; not calibrated: intervals are of no width"
    )
    if margin is None:
        tell("the frame of its faces is not known: they are taken as they are; --margin says it")
    face = Alignment() if margin is None else Alignment(align="five-points", margin=margin)
    info = {
        "name": name or source.stem,
        "recipe": found.recipe,
        "imported": [source.name],
        "agekit": core_version(),
    }
    interval = {"level": 0.9, "margin": 0.0, "calibrated_on": "nothing"}
    config = model_config(recipe, network, info, interval, face)
    save_model(out, network, config, {}, estimator_card(config, {}))
    return config
