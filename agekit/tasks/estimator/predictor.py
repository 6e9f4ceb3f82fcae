"""A loaded model: images in, ages with intervals and distributions out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np

from agekit.data.alignment import Alignment
from agekit.errors import ConfigError
from agekit.extras import require
from agekit.inference.engine import AgeEngine, OnnxAges
from agekit.inference.face import Chip, Face
from agekit.inference.model import PredictorBase, WhichFaces
from agekit.inference.prediction import Prediction
from agekit.inference.runtime import Runtime, choose_runtime
from agekit.tasks.estimator.config import EstimatorConfig
from agekit.zoo.files import ONNX, graph_file, model_folder
from agekit.zoo.folder import read_config, within_model
from agekit.zoo.graphs import find_exported, open_graph, open_listed
from agekit.zoo.index import default_model
from agekit.zoo.locate import locate, tell_licence

__all__ = ["Face", "Prediction", "Predictor", "WhichFaces", "load"]


class Predictor(PredictorBase):
    """A model ready to estimate, the same whatever computes.

    Args:
        engine: what computes.
        name: what the model is called.
        face: how the faces it was trained on were cut.
        size: side of the face chips it takes, pixels.
        level: the share of faces that its intervals are meant to hold, if it is known.
        ages: the first and the last label age, years.
        config: of its folder; None of a file that was exported.
    """

    def __init__(
        self,
        engine: AgeEngine,
        name: str,
        face: Alignment,
        size: int,
        level: float | None,
        ages: tuple[int, int],
        config: EstimatorConfig | None = None,
    ) -> None:
        scope = nullcontext if config is None else partial(within_model, config)
        super().__init__(name, face, size, level, engine.device, scope)
        self.config = config
        self.engine = engine
        self.ages = ages
        self._labels = tuple(range(ages[0], ages[1] + 1))

    @property
    def runtime(self) -> str:
        """The runtime that computes: ``torch`` or ``onnx``."""
        return self.engine.runtime

    def estimate(self, chips: Sequence[Chip]) -> list[Face]:
        """The age of each chip."""
        found = self.engine.run(np.stack([chip.pixels for chip in chips]))
        age, low, high, *p = [column.tolist() for column in found]
        rows = p[0] if p else [None] * len(chips)
        return [
            chip.face(years, ends, self._labels, row)
            for chip, years, ends, row in zip(
                chips, age, zip(low, high, strict=True), rows, strict=True
            )
        ]


def load(
    model: str | Path | None = None, device: str = "auto", runtime: Runtime = "auto"
) -> Predictor:
    """Loads a model for prediction.

    Args:
        model: a name of the zoo, ``hf-hub:org/repo@revision``, a model folder or a run folder; None
            takes the zoo's default estimator, which comes with the package. What is not on this
            machine is fetched. Or a file that `agekit export` wrote.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        runtime: what computes, ``torch`` or ``onnx`` (ONNX Runtime, which needs neither torch nor
            the plugins of the model's parts); ``auto`` is the latter on a CPU, where the model
            carries an ONNX file.

    Raises:
        ConfigError: the runtime, or the device, cannot be had.
        ModelError: there is no such model, it was not exported, or its files are damaged.
    """
    name = default_model("estimator") if model is None else model
    if str(name).endswith(ONNX):
        return _of_file(Path(name), device, runtime)
    if runtime == "onnx" and Path(name).is_dir() and model_folder(Path(name)) is None:
        return _of_file(find_exported(name), device, runtime)
    folder = locate(name)
    config: EstimatorConfig = read_config(folder, "estimator")
    engine: AgeEngine
    if choose_runtime(config, runtime, device) == "torch":
        how = "by torch" if config.onnx_sha256 else "which carries no ONNX file,"
        require("torch", f"the model {config.name}, {how}")

        from agekit.device import pick_device
        from agekit.tasks.estimator.build import load_estimator
        from agekit.tasks.estimator.torch_ages import TorchAges

        network, _ = load_estimator(folder, pick_device(device))
        engine = TorchAges(network, config.image)
    elif config.onnx_sha256:
        engine = OnnxAges(folder / graph_file(), *open_listed(folder, config, device=device))
    else:
        return _of_file(find_exported(folder), device, runtime)
    return Predictor(
        engine,
        config.name,
        config.face,
        config.image.size,
        config.interval.level,
        config.ages,
        config,
    )


def _of_file(path: Path, device: str, runtime: Runtime) -> Predictor:
    """The model of a file that was exported."""
    if runtime == "torch":
        raise ConfigError(f"torch cannot run {path}", "give the model folder it was made of")
    path = find_exported(path)
    session, card = open_graph(path, device)
    tell_licence(card.name, card.licence)
    engine = OnnxAges(path, session, card)
    return Predictor(engine, card.name, card.face, card.size, card.level, card.ages or (0, 0))
