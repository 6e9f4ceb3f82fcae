"""From the name of an ager, or a file that was exported, to an ager ready to use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agekit.errors import ConfigError, ModelError
from agekit.extras import require
from agekit.inference.runtime import Runtime, choose_runtime
from agekit.zoo.files import ONNX, graph_file
from agekit.zoo.folder import read_config
from agekit.zoo.graphs import find_exported, open_graph, open_listed
from agekit.zoo.index import default_model
from agekit.zoo.locate import locate, tell_licence
from agekit_ager.config import AgerConfig
from agekit_ager.engine import AgingEngine, OnnxAging
from agekit_ager.image import Direction
from agekit_ager.predictor import FaceAging

__all__ = ["load_aging"]


def load_aging(
    model: str | Path | None = None, device: str = "auto", runtime: Runtime = "auto"
) -> FaceAging:
    """Loads an ager for use.

    Args:
        model: as `agekit.load` takes it; None takes the zoo's default ager.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        runtime: as `agekit.load` takes it.

    Raises:
        ConfigError: the runtime, or the device, cannot be had.
        ModelError: there is no such model, its files are damaged, or it is an estimator's.
    """
    name = default_model("ager") if model is None else model
    if str(name).endswith(ONNX):
        return _of_file(Path(name), device, runtime)
    folder = locate(name)
    config: AgerConfig = read_config(folder, "ager")
    engine: AgingEngine
    if choose_runtime(config, runtime, device) == "onnx":

        def session(to: Direction | None) -> Any:
            return open_listed(folder, config, graph_file(to), device)[0]

        engine = OnnxAging(session)
    else:
        how = "by torch" if config.onnx_sha256 else "which carries no ONNX file,"
        require("torch", f"the model {config.name}, {how}")

        from agekit.device import pick_device
        from agekit_ager.build import load_ager
        from agekit_ager.torch_aging import TorchAging

        place = pick_device(device)
        engine = TorchAging(load_ager(folder, place)[0], place)
    return FaceAging(
        engine,
        config.name,
        config.face,
        config.image.size,
        ages=config.ages,
        guide=config.guide,
        config=config,
    )


def _of_file(path: Path, device: str, runtime: Runtime) -> FaceAging:
    """The one direction, or the ages, of a file that was exported."""
    if runtime == "torch":
        raise ConfigError(f"torch cannot run {path}", "give the model folder it was made of")
    path = find_exported(path)
    session, card = open_graph(path, device)
    if card.task != "ager" or (card.to is None) == (card.ages is None):
        raise ModelError(f"{path} is no ager but of the task {card.task}", "see `agekit predict`")
    tell_licence(card.name, card.licence)
    engine = OnnxAging(lambda to: session)
    ways = () if card.to is None else (card.to,)
    return FaceAging(
        engine, card.name, card.face, card.size, ways=ways, ages=card.ages, guide=card.guide
    )
