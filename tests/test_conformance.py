"""Every part that agekit and its plugins ship keeps the contract that plugin authors test with."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from agekit_synthfaces import write_face
from agekit_testkit import (
    check_backbone,
    check_dataset,
    check_detector,
    check_evolver,
    check_generator,
    check_head,
    check_loss,
    check_plugin,
    check_recipe,
)

from agekit.discovery import CORE, distributions
from agekit.registry import (
    BACKBONES,
    DATASETS,
    DETECTORS,
    EVOLVERS,
    GENERATORS,
    HEADS,
    LOSSES,
    RECIPES,
    Registry,
)

pytestmark = pytest.mark.slow
PLUGINS = Path(__file__).parents[1] / "plugins"
OURS = {CORE, *(path.name for path in PLUGINS.glob("agekit-*") if path.is_dir())}
PIXELS = {"in_features": 3 * 40 * 40}
HEAD_OPTIONS: dict[str, dict[str, Any]] = {
    "ranking": PIXELS | {"arguments": {"width": 0.1}, "ages": [(0, 12), (16, 30)]},
}
LOSS_HEADS = {"gaussian-ldl": "ldl"}
"""The heads of losses that no recipe uses."""
LARGE = {"densenet-ssr", "dex-vgg16", "ranking-cnn", "thinagenet"}
SIZES = {"or-cnn": 60}
SMALL = {"resnet-6blocks": {"width": 4}, "resnet-9blocks": {"width": 4}}
EVOLUTIONS: dict[str, dict[str, Any]] = {
    "single": {"recipe": "reg-resnet10-tiny"},
    "coupled": {
        "recipe": "cen-resnet10-tiny",
        "generations": 2,
        "options": ("--generations", "2"),
    },
    "forest": {"recipe": "drf-resnet10-tiny"},
    "taught": {
        "recipe": "cen-teachers-resnet10-tiny",
        "options": ("--set", "evolver.teachers=[cen-resnet10-tiny, cen-resnet18-tiny]"),
    },
    "gender": {"recipe": "gender-resnet10-tiny"},
    "cyclegan": {
        "recipe": "cyclegan-resnet-6blocks",
        "size": 16,
        "options": (
            *("--domains", "20-29,50-69", "--set", "data.load_size=18"),
            *("--set", "generator.width=4", "--set", "evolver.discriminator_width=4"),
            *("--set", "evolver.discriminator_layers=1"),
        ),
    },
}


def ours(registry: Registry) -> list[str]:
    return [entry.name for entry in registry.entries() if entry.distribution in OURS]


def marked(names: list[str]) -> list[Any]:
    """The large ones marked slow."""
    return [pytest.param(n, marks=pytest.mark.heavy) if n in LARGE else n for n in names]


def terms(part: Any) -> Iterator[dict[str, Any]]:
    """Every loss term anywhere in a recipe."""
    if isinstance(part, dict):
        if {"type", "head"} <= part.keys():
            yield part
        for value in part.values():
            yield from terms(value)
    elif isinstance(part, list):
        for value in part:
            yield from terms(value)


def head_of(loss: str) -> dict[str, Any]:
    """A head that a recipe trains with a loss."""
    for name in RECIPES.names():
        recipe = RECIPES.get(name)
        for term in terms(recipe.get("evolver")):
            if term["type"] == loss and term["head"] in recipe.get("heads", {}):
                head: dict[str, Any] = recipe["heads"][term["head"]]
                return head
    return {"type": LOSS_HEADS[loss]}


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tmp_path_factory.getbasetemp() / "conformance-cache"
    monkeypatch.setenv("AGEKIT_CACHE", str(base))


@pytest.mark.parametrize("name", marked([*ours(BACKBONES), "timm/mobilenetv3_small_050"]))
def test_backbone(name: str) -> None:
    check_backbone(name, size=SIZES.get(name, 64))


@pytest.mark.parametrize("name", ours(HEADS))
def test_head(name: str) -> None:
    check_head(name, **HEAD_OPTIONS.get(name, {}))


@pytest.mark.parametrize("name", ours(LOSSES))
def test_loss(name: str) -> None:
    head = head_of(name)
    kind = head["type"]
    arguments = {key: value for key, value in head.items() if key != "type"}
    check_loss(name, head=kind, head_arguments=arguments)


@pytest.mark.parametrize("name", ours(GENERATORS))
def test_generator(name: str) -> None:
    check_generator(name, arguments=SMALL.get(name))


@pytest.mark.parametrize("name", ours(DETECTORS))
def test_detector(name: str) -> None:
    check_detector(name)


@pytest.mark.parametrize("name", marked(ours(RECIPES)))
def test_recipe(name: str) -> None:
    check_recipe(name)


@pytest.mark.heavy
@pytest.mark.parametrize("name", ours(EVOLVERS))
def test_evolver(name: str) -> None:
    check_evolver(name, **EVOLUTIONS[name])


@pytest.mark.parametrize("name", [d.name for d in distributions() if d.name in OURS])
def test_plugin(name: str) -> None:
    check_plugin(name)


def module_of(name: str) -> ModuleType:
    """A test module of agekit-datasets, for the layouts that it writes."""
    path = PLUGINS / "agekit-datasets" / "tests" / f"test_{name}.py"
    spec = spec_from_file_location(f"conformance_{name}", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


afad = module_of("afad").root
agedb = module_of("agedb").root
appa_real = module_of("appa_real").root
cacd = module_of("cacd").root
clap2016 = module_of("clap2016").root
fg_net = module_of("fg_net").root
imdb_wiki = module_of("imdb_wiki").root
megaage_asian = module_of("megaage_asian").root
two_folder = module_of("two_folder").root
utkface = module_of("utkface").root
wiki_aginggan = module_of("wiki_aginggan").root


@pytest.fixture
def chalearn15(tmp_path: Path) -> Path:
    root: Path = module_of("chalearn15").release(tmp_path / "root", "Train", "Validation", "Test")
    return root


@pytest.fixture
def morph(tmp_path: Path) -> Path:
    root: Path = module_of("morph").release(tmp_path / "root")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for age in range(20, 60, 2):
        write_face(tmp_path / "root" / str(age) / "x.png", age, seed=age)
    return tmp_path / "root"


@pytest.fixture
def csv(folder: Path) -> Path:
    lines = ["path,age,identity", *(f"{age}/x.png,{age},{age // 4}" for age in range(20, 60, 2))]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


FIXTURES = {"appa-real-age": "appa_real", "imdb": "imdb_wiki", "wiki": "imdb_wiki"}


@pytest.mark.parametrize("name", ours(DATASETS))
def test_dataset(name: str, request: pytest.FixtureRequest) -> None:
    fixture = FIXTURES.get(name, name.replace("-", "_"))
    known = fixture in globals()
    check_dataset(name, request.getfixturevalue(fixture) if known else None)
