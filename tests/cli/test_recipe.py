from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from agekit.cli import main
from agekit.recipe import resolve
from agekit.registry import RECIPES


@pytest.fixture
def agekit(capsys):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        return done.value.code, *capsys.readouterr()

    return run


def test_another_command_after_list_in_the_same_process():
    program = """
from agekit.cli import main
for arguments in (["list", "heads"], ["recipe", "show", "cen"]):
    try:
        main(arguments)
    except SystemExit as done:
        assert done.code == 0
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""


def test_a_method_alone_prints_its_file(agekit):
    code, out, err = agekit("recipe", "show", "cen")
    assert (code, err) == (0, "")
    assert out == RECIPES.path("cen").read_text(encoding="utf-8")


def test_with_a_backbone_it_prints_every_value_as_it_would_run(agekit):
    code, out, _ = agekit("recipe", "show", "cen-resnet18", "--preset", "quick", "--set", "a=1")
    assert (code, out) == (1, "")
    code, out, _ = agekit(
        "recipe", "show", "cen-resnet18", "--preset", "quick", "--set", "train.epochs=2"
    )
    shown = yaml.safe_load(out)
    assert code == 0
    assert shown["backbone"] == {"type": "resnet18"}
    assert shown["train"]["epochs"] == 2
    assert shown["estimate"] == {
        "rule": "median",
        "level": 0.9,
        "mirror": True,
        "holdout": 0.0,
    }


@pytest.mark.parametrize("name", ["cen", "cen-resnet18"])
def test_json_is_one_document(agekit, name):
    code, out, err = agekit("recipe", "show", name, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["heads"] == {"ldl": {"type": "ldl"}, "reg": {"type": "regression"}}


@pytest.mark.parametrize("backbone", ["resnet18", "timm/convnext_tiny", "agekit:resnet10"])
def test_a_copy_names_its_backbone_and_is_the_same_recipe(agekit, tmp_path, backbone):
    path = tmp_path / "mine.yaml"
    code, out, _ = agekit("recipe", "copy", f"cen-{backbone}", str(path))
    assert code == 0
    assert f"agekit train {path} DATASET" in out
    assert resolve(str(path)).recipe == resolve(f"cen-{backbone}").recipe
    quick = resolve(str(path), preset="quick").recipe
    assert quick == resolve(f"cen-{backbone}", preset="quick").recipe


def test_a_copy_of_a_method_leaves_its_backbone_open(agekit, tmp_path):
    path = tmp_path / "mine.yaml"
    code, out, _ = agekit("recipe", "copy", "cen", str(path))
    assert (code, "add a backbone" in out) == (0, True)
    assert path.read_text() == RECIPES.path("cen").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "part"), [("cyclegan-resnet-6blocks", "generator"), ("dex-vgg16-resnet18", "backbone")]
)
def test_a_copy_says_its_part_once_and_by_its_name(agekit, tmp_path, name, part):
    path = tmp_path / "mine.yaml"
    assert agekit("recipe", "copy", name, str(path))[0] == 0
    assert resolve(str(path)).recipe == resolve(name).recipe
    assert path.read_text(encoding="utf-8").count(f"\n{part}:") == 1


@pytest.mark.parametrize("name", ["ssrnet", "cyclegan", "cyclegan-wiki"])
def test_a_copy_of_a_recipe_with_a_network_of_its_own_asks_for_none(agekit, tmp_path, name):
    path = tmp_path / "mine.yaml"
    code, out, _ = agekit("recipe", "copy", name, str(path))
    assert (code, "add a" in out) == (0, False)
    assert resolve(str(path)).recipe == resolve(name).recipe


def test_a_copy_replaces_nothing(agekit, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("mine")
    code, _, err = agekit("recipe", "copy", "cen", str(path))
    assert (code, path.read_text()) == (1, "mine")
    assert "exists already" in err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("show", "cne-resnet18"), 1, "did you mean 'cen'?"),
        (("show", "cen-resnet81"), 1, "did you mean 'resnet18'"),
        (("copy", "cen-resnet81", "a.yaml"), 1, "did you mean 'resnet18'"),
        (("copy", "cen", "a.txt"), 2, "PATH must end in .yaml"),
        (("show", "none.yaml"), 1, "there is no file none.yaml"),
        (("show",), 2, "Missing argument 'NAME'"),
        (("shwo",), 2, "shwo"),
    ],
)
def test_mistakes_are_told_in_plain_words(agekit, arguments, code, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, out, err = agekit("recipe", *arguments)
    assert (found, out) == (code, "")
    assert says in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
