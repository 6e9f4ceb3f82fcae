"""Agers, the models that make a face older or younger: a task of agekit.

What the authors of evolvers and of commands for agers import is here; a name is imported from
where it lies when it is first asked for, so that listing needs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agekit_ager.build import build_ager, load_ager
    from agekit_ager.by_age import AgeEvolver, AgeTrainer
    from agekit_ager.card import ager_card
    from agekit_ager.config import AgerConfig
    from agekit_ager.contact_sheet import ContactSheet
    from agekit_ager.image import DIRECTIONS, AgedFace, AgedImage, Direction
    from agekit_ager.judges.base import Judge, Verdict
    from agekit_ager.load import load_aging
    from agekit_ager.model import FaceAger, MovingGenerator
    from agekit_ager.pairs import PairBatch
    from agekit_ager.predictor import FaceAging
    from agekit_ager.recipe import AgerRecipe
    from agekit_ager.trainer import AgerTrainer

__all__ = [
    "DIRECTIONS",
    "AgeEvolver",
    "AgeTrainer",
    "AgedFace",
    "AgedImage",
    "AgerConfig",
    "AgerRecipe",
    "AgerTrainer",
    "ContactSheet",
    "Direction",
    "FaceAger",
    "FaceAging",
    "Judge",
    "MovingGenerator",
    "PairBatch",
    "Verdict",
    "ager_card",
    "build_ager",
    "load_ager",
    "load_aging",
]

_PLACES = {
    "build": "build_ager load_ager",
    "card": "ager_card",
    "config": "AgerConfig",
    "contact_sheet": "ContactSheet",
    "by_age": "AgeEvolver AgeTrainer",
    "image": "DIRECTIONS AgedFace AgedImage Direction",
    "judges.base": "Judge Verdict",
    "load": "load_aging",
    "model": "FaceAger MovingGenerator",
    "pairs": "PairBatch",
    "predictor": "FaceAging",
    "recipe": "AgerRecipe",
    "trainer": "AgerTrainer",
}
"""Modules of this package, and what of each is here."""
_PLACE = {name: module for module, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_PLACE[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
