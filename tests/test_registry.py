from __future__ import annotations

import sys

import pytest

from agekit import _loading
from agekit._loading import OFFICIAL, how_to_upgrade, unknown
from agekit.errors import ConflictError, PluginError, UnknownNameError, nearest
from agekit.recipe_names import resolve_recipe_name
from agekit.registry import (
    BACKBONES,
    DATASETS,
    HEADS,
    LOSSES,
    RECIPES,
    REGISTRIES,
    Registry,
)


@pytest.fixture
def backbone(write_plugin):
    """Writes a distribution with the one backbone `thrown` and the source of its module."""

    def write(source, value="thrown_module:part", **options):
        write_plugin(
            "agekit-thrown",
            {"backbone": {"thrown": value}},
            {"thrown_module.py": source},
            **options,
        )

    return write


def test_get_loads_that_entry_alone(write_plugin):
    write_plugin(
        "agekit-thrown",
        {"backbone": {"one": "thrown_one:make", "two": "thrown_two:make"}},
        {"thrown_one.py": "def make(): return 'made'", "thrown_two.py": "1 / 0"},
    )
    assert BACKBONES.get("one")() == "made"
    assert BACKBONES.get("Agekit_Thrown:one")() == "made"
    assert "thrown_two" not in sys.modules


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="no backbone named 'resnet81'; did you mean") as e:
        BACKBONES.find("resnet81")
    assert "'resnet18'" in e.value.message
    assert "agekit list backbones" in e.value.hint


def test_a_part_of_ours_says_what_to_install_where_it_is_missing():
    for (kind, name), giver in OFFICIAL.items():
        error = unknown(kind, name)
        assert f"{giver} gives it, which is not installed" in error.message
        assert error.hint == f"pip install {giver}"
        assert REGISTRIES[kind].find(name).distribution == giver


def test_unknown_distribution_prefix_names_the_one_that_has_it():
    with pytest.raises(UnknownNameError, match="did you mean 'agekit-core:resnet18'"):
        BACKBONES.find("agekit-nobody:resnet18")


def test_import_failure_names_distribution_reason_and_way_on(backbone):
    backbone("raise RuntimeError('no such\\nlicence')")
    with pytest.raises(PluginError) as e:
        BACKBONES.get("thrown")
    assert "backbone 'thrown' of agekit-thrown 1.0 cannot be used" in e.value.message
    assert "importing thrown_module fails: RuntimeError: no such licence" in e.value.message
    assert "AGEKIT_DISABLE_PLUGINS=agekit-thrown" in e.value.hint
    assert "pip uninstall agekit-thrown" in e.value.hint
    assert isinstance(e.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import module_of_nobody", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit"),
        ("other = 1", "has no 'part'"),
        ("part = 3", "it is a int, not callable"),
    ],
)
def test_unusable_parts_are_refused(backbone, source, reason):
    backbone(source)
    with pytest.raises(PluginError, match=reason):
        BACKBONES.get("thrown")


@pytest.mark.parametrize(("api", "upgrade"), [(3, "agekit-core"), (0, "agekit-thrown")])
def test_other_interface_version_is_refused_before_import(backbone, api, upgrade):
    backbone("1 / 0", api=api)
    with pytest.raises(PluginError, match=f"agekit-thrown 1.0 is written for version {api}") as e:
        BACKBONES.get("thrown")
    assert e.value.hint == how_to_upgrade(upgrade)
    assert "thrown_module" not in sys.modules


def test_two_distributions_with_one_name(write_plugin):
    for name in ("agekit-one", "agekit-two"):
        module = name.replace("-", "_")
        write_plugin(
            name,
            {"backbone": {"twice": f"{module}:make"}},
            {f"{module}.py": f"def make(): return '{name}'"},
        )
    with pytest.raises(ConflictError, match=r"agekit-one 1\.0 and by agekit-two 1\.0") as e:
        BACKBONES.get("twice")
    assert "'agekit-one:twice'" in e.value.hint
    assert BACKBONES.get("agekit-two:twice")() == "agekit-two"
    assert BACKBONES.names().count("twice") == 1


def test_disabled_distribution_is_named(backbone, monkeypatch):
    backbone("def part(): ...")
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-thrown")
    with pytest.raises(UnknownNameError, match="agekit-thrown gives it, but AGEKIT_DISABLE"):
        BACKBONES.get("thrown")


def test_what_agekit_itself_gives_and_is_not_here_is_told(monkeypatch):
    monkeypatch.setattr(_loading, "distributions", lambda: ())
    with pytest.raises(UnknownNameError) as e:
        DATASETS.get("no-such")
    assert e.value.hint.startswith("`pip install agekit-datasets` brings the datasets of agekit's")
    monkeypatch.setattr(_loading, "has_all", lambda: False)
    with pytest.raises(UnknownNameError) as e:
        BACKBONES.get("no-such")
    assert e.value.hint.endswith("; `pip install agekit` brings all of agekit's own plugins")


def test_part_of_the_wrong_base_is_refused(write_plugin):
    write_plugin(
        "agekit-thrown",
        {
            "head": {"wrong": "thrown_head:Wrong", "right": "thrown_head:Right"},
            "loss": {"function": "thrown_head:function"},
        },
        {
            "thrown_head.py": """
                from agekit.tasks.estimator.base import Head

                class Wrong: ...
                class Right(Head): ...
                def function(): ...
            """
        },
    )
    with pytest.raises(PluginError, match=r"not a subclass of .*estimator\.base\.Head"):
        HEADS.get("wrong")
    with pytest.raises(PluginError, match=r"not a subclass of .*estimator\.base\.Loss"):
        LOSSES.get("function")
    assert HEADS.get("right").__name__ == "Right"


def test_base_is_imported_after_the_part(write_plugin):
    write_plugin(
        "agekit-thrown",
        {"loss": {"broken": "thrown_module:part"}},
        {"thrown_module.py": "1 / 0", "thrown_base.py": "class Base: ..."},
    )
    with pytest.raises(PluginError, match="ZeroDivisionError"):
        Registry("loss", base="thrown_base:Base").get("broken")
    assert "thrown_base" not in sys.modules


def test_any_timm_network_is_a_backbone():
    entry = BACKBONES.find("timm/resnet18.a1_in1k")
    assert (entry.distribution, entry.name) == ("agekit-core", "timm/resnet18.a1_in1k")
    make = BACKBONES.get("timm/resnet18.a1_in1k")
    assert make.args == ("resnet18.a1_in1k",)
    assert make.func.__name__ == "timm_backbone"


def test_parts_are_mirrored_into_mmengine(backbone):
    mmengine = pytest.importorskip("mmengine.registry")
    backbone("def part(): ...")
    part = BACKBONES.get("thrown")
    assert BACKBONES.mmengine.name == "agekit_backbones"
    assert mmengine.MODELS.get("agekit.backbone.thrown") is part
    assert HEADS.mmengine.parent is BACKBONES.mmengine.parent


RECIPE = "evolver: {type: single}\n"


def test_recipe_is_read_without_importing_its_package(write_plugin):
    site = write_plugin(
        "agekit-thrown",
        {"recipe": {"thrown": "thrown.recipes:my_recipe"}},
        {"thrown/__init__.py": "1 / 0", "thrown/recipes/my_recipe.yaml": RECIPE},
    )
    assert RECIPES.path("thrown") == site / "thrown" / "recipes" / "my_recipe.yaml"
    assert RECIPES.get("agekit-thrown:thrown") == {"evolver": {"type": "single"}}
    assert "thrown" not in sys.modules


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: [1, 2", "cannot be read: while parsing"),
        ("- 1\n- 2\n", "does not hold a YAML mapping"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
        (None, "there is no "),
    ],
)
def test_broken_recipes_are_refused(write_plugin, text, reason):
    files = {"thrown/__init__.py": ""} | ({"thrown/recipes/r.yaml": text} if text else {})
    write_plugin("agekit-thrown", {"recipe": {"thrown": "thrown.recipes:r"}}, files)
    with pytest.raises(PluginError, match=reason):
        RECIPES.get("thrown")


def test_recipe_of_a_missing_package_is_refused(write_plugin):
    write_plugin("agekit-thrown", {"recipe": {"thrown": "package_of_nobody.recipes:r"}})
    with pytest.raises(PluginError, match=r"no package has 'package_of_nobody\.recipes'"):
        RECIPES.get("thrown")


@pytest.fixture
def recipes(write_plugin):
    write_plugin("agekit-thrown", {"recipe": dict.fromkeys(["throw", "throw-far"], "thrown.r:r")})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("throw", ("throw", None)),
        ("throw-far", ("throw-far", None)),
        ("throw-resnet18", ("throw", "resnet18")),
        ("throw-far-resnet10-tiny", ("throw-far", "resnet10-tiny")),
        ("throw-timm/mobilenetv3_small_100", ("throw", "timm/mobilenetv3_small_100")),
        ("agekit-thrown:throw-resnet18", ("agekit-thrown:throw", "resnet18")),
        ("throw-agekit:resnet18", ("throw", "agekit:resnet18")),
        ("throw-timm/hf-hub:org/model", ("throw", "timm/hf-hub:org/model")),
    ],
)
def test_recipe_names_split(recipes, name, expected):
    assert resolve_recipe_name(name) == expected


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("throw-resnt18", "recipe 'throw' is known, but no backbone is named 'resnt18'; did you"),
        ("throw-timm/", "no backbone is named 'timm/'"),
        ("thorw-resnet18", "no recipe is named 'thorw'; did you mean 'throw'"),
        ("thorw-timm/x", "no recipe is named 'thorw'; did you mean 'throw'"),
        ("thorw-resnt18", "no recipe is named 'thorw-resnt18'; did you mean 'throw-resnet18'"),
        ("", "no recipe is named ''"),
    ],
)
def test_recipe_names_that_do_not_split(recipes, name, message):
    with pytest.raises(UnknownNameError, match=message):
        resolve_recipe_name(name)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sord", "; did you mean 'sord-lite0', 'sord-mobilenet1'?"),
        ("sord-lite", "; did you mean 'sord-lite0'?"),
        ("so", ""),
        ("lord of the rings", ""),
    ],
)
def test_the_beginning_of_a_name_means_those_that_begin_so(name, told):
    assert nearest(name, ["cen-resnet10", "sord-lite0", "sord-mobilenet1"]) == told
