from __future__ import annotations

import json

import pytest
import torch
from agekit_ager.build import load_ager
from agekit_cyclegan.convert import only_reader
from safetensors.torch import load_file

from agekit.cli import main
from agekit.discovery import refresh
from agekit.errors import ConfigError
from agekit.zoo.folder import read_config

PLUGIN = """
    import torch
    from torch import nn
    from agekit.tasks.generator import Generator
    from agekit.errors import ModelError
    from agekit.training.evolver import Evolver

    class Thin(Generator):
        def __init__(self, *, width: int = 4, bias: bool = True):
            super().__init__()
            self.model = nn.Sequential(
                nn.Conv2d(3, width, 1, bias=bias), nn.Conv2d(width, 3, 1, bias=bias)
            )

        def forward(self, images):
            return torch.tanh(self.model(images))

    class Deep(Thin):
        def __init__(self):
            super().__init__()
            self.model.append(nn.Conv2d(3, 3, 1))

    class Toy(Evolver):
        kind = "ager"

        def run(self, trainer):
            raise NotImplementedError

        def initial(self, path):
            if not path.exists():
                raise ModelError(f"there is no checkpoint {path}")
            files = {"old": path / "latest_net_G_A.pth", "young": path / "latest_net_G_B.pth"}
            if not path.is_dir():
                files = {"young" if "G_B" in path.name else "old": path}
            return {
                f"{to}.{key}": value
                for to, file in files.items()
                for key, value in torch.load(file, weights_only=True).items()
            }
"""
OPTIONS = ("--evolver", "toy", "--size", "32")


@pytest.fixture
def here(write_plugin, tmp_path, monkeypatch):
    """An empty folder to be in, with the generators and the reader of a plugin."""
    points = {
        "generator": {"thin": "toys:Thin", "deep": "toys:Deep"},
        "evolver": {"toy": "toys:Toy"},
    }
    write_plugin("toys", points, {"toys.py": PLUGIN})
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def agekit(capsys):
    """Runs the command line in this process; gives its code and both outputs."""

    def run(*arguments):
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        return done.value.code, *capsys.readouterr()

    return run


def generator(seed, width=4, bias=True):
    random = torch.Generator().manual_seed(seed)
    shapes = {"model.0": (width, 3, 1, 1), "model.1": (3, width, 1, 1)}
    out = {}
    for name, shape in shapes.items():
        out[f"{name}.weight"] = torch.randn(shape, generator=random)
        if bias:
            out[f"{name}.bias"] = torch.randn(shape[:1], generator=random)
    return out


def write_checkpoints(folder, **options):
    folder.mkdir()
    torch.save(generator(1, **options), folder / "latest_net_G_A.pth")
    torch.save(generator(2, **options), folder / "latest_net_G_B.pth")
    return folder


def same(one, other):
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.slow
def test_checkpoints_become_a_model_and_come_back_unchanged(agekit, here):
    write_checkpoints(here / "horses")
    code, out, err = agekit("convert", "horses", "--out", "ager", *OPTIONS)
    assert (code, out, err) == (0, "horses -> ager: two thin, 62 parameters\n", "")
    assert {path.name for path in (here / "ager").iterdir()} == {
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    }
    ager, config = load_ager(here / "ager")
    same(ager.old.state_dict(), generator(1))
    same(ager.young.state_dict(), generator(2))
    assert (config.name, config.image.size, config.face.align) == ("horses", 32, "chips")
    assert config.requires == {"toys": "1.0"}
    code, out, err = agekit("convert", "ager", "--out", "back")
    assert (code, err) == (0, "")
    assert out == "ager -> back/latest_net_G_A.pth back/latest_net_G_B.pth\n"
    for side, seed in (("A", 1), ("B", 2)):
        file = here / "back" / f"latest_net_G_{side}.pth"
        weights = torch.load(file, weights_only=True)
        same(weights, generator(seed))
        assert list(weights) == list(generator(seed))


@pytest.mark.parametrize("options", [{"width": 7}, {"bias": False}, {"width": 5, "bias": False}])
def test_arguments_of_the_generator_are_found(agekit, here, options):
    write_checkpoints(here / "horses", **options)
    code, _, err = agekit("convert", "horses", "--out", "ager", *OPTIONS)
    assert (code, err) == (0, "")
    assert read_config(here / "ager").generator.arguments == options


def test_json_name_and_margin(agekit, here):
    write_checkpoints(here / "horses")
    naming = ("--name", "mine", "--margin", "0.4")
    code, out, err = agekit("convert", "horses", "--out", "ager", *OPTIONS, *naming, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "sources": ["horses"],
        "output": "ager",
        "to": "agekit",
        "name": "mine",
        "generator": {"type": "thin"},
        "size": 32,
        "parameters": 62,
    }
    face = read_config(here / "ager").face
    assert (face.align, face.margin) == ("five-points", 0.4)
    _, out, _ = agekit("convert", "ager", "--out", "back", "--json")
    files = ["back/latest_net_G_A.pth", "back/latest_net_G_B.pth"]
    assert json.loads(out) == {
        "sources": ["ager"],
        "output": "back",
        "to": "reference",
        "files": files,
    }


def test_one_generator_is_not_enough(agekit, here):
    torch.save(generator(1), here / "latest_net_G.pth")
    code, out, err = agekit("convert", "latest_net_G.pth", "--out", "ager", *OPTIONS)
    assert (code, out) == (1, "")
    assert "latest_net_G.pth holds one generator" in err
    assert "--both-from-one" in err
    assert not (here / "ager").exists()
    twice = (*OPTIONS, "--both-from-one")
    assert agekit("convert", "latest_net_G.pth", "--out", "ager", *twice)[0] == 0
    weights = load_file(here / "ager" / "model.safetensors")
    same(weights, prefixed("old", 1) | prefixed("young", 1))
    assert read_config(here / "ager").name == "work"


def prefixed(to, seed):
    return {f"{to}.{key}": value for key, value in generator(seed).items()}


@pytest.mark.slow
def test_two_files_the_one_to_old_first(agekit, here):
    for name, seed in (("older.pth", 1), ("younger.pth", 2)):
        torch.save(generator(seed), here / name)
    code, _, err = agekit("convert", "older.pth", "younger.pth", "--out", "ager", *OPTIONS)
    assert (code, err) == (0, "")
    same(load_file(here / "ager" / "model.safetensors"), prefixed("old", 1) | prefixed("young", 2))


def test_weights_of_no_installed_generator(agekit, here):
    folder = write_checkpoints(here / "horses")
    torch.save({**generator(2), "more": torch.zeros(3)}, folder / "latest_net_G_B.pth")
    code, out, err = agekit("convert", "horses", "--out", "ager", *OPTIONS)
    assert (code, out) == (1, "")
    assert "the weights fit no installed generator" in err
    assert "- thin: lacks their 'young.more'" in err
    assert "- deep: has 'model.2.weight', they have not" in err


def test_weights_that_are_not_finite(agekit, here):
    folder = write_checkpoints(here / "horses")
    broken = {key: value * float("nan") for key, value in generator(2).items()}
    torch.save(broken, folder / "latest_net_G_B.pth")
    code, _, err = agekit("convert", "horses", "--out", "ager", *OPTIONS)
    assert code == 1
    assert "the generator to young gives no picture" in err
    assert not (here / "ager").exists()


def test_a_model_folder_is_no_checkpoint(agekit, here):
    write_checkpoints(here / "horses")
    assert agekit("convert", "horses", "--out", "ager", *OPTIONS)[0] == 0
    code, _, err = agekit("convert", "ager", "--to", "agekit", "--out", "new", *OPTIONS)
    assert (code, "ager is a model folder already" in err) == (1, True)


def test_nothing_is_written_over(agekit, here):
    write_checkpoints(here / "horses")
    (here / "full").mkdir()
    (here / "full" / "note.txt").write_text("mine")
    for out in ("full", "horses", "."):
        code, _, err = agekit("convert", "horses", "--out", out, *OPTIONS)
        assert (code, "is there already" in err) == (1, True)
    assert (here / "full" / "note.txt").read_text() == "mine"
    assert agekit("convert", "horses", "--out", "ager", *OPTIONS)[0] == 0
    code, _, err = agekit("convert", "ager", "--out", "horses")
    assert (code, "latest_net_G_A.pth is there already" in err) == (1, True)
    same(torch.load(here / "horses" / "latest_net_G_A.pth", weights_only=True), generator(1))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--out", "new"], 2, "Missing argument 'SOURCE...'"),
        (["horses"], 2, "Missing option '--out'"),
        (["none", "--out", "new", *OPTIONS], 1, "there is no checkpoint none"),
        (["a", "b", "c", "--out", "new"], 2, "name one SOURCE, or two files"),
        (["horses", "horses", "--out", "new", *OPTIONS], 1, "horses holds both generators"),
        (["horses", "--out", "new", "--evolver", "toys"], 1, "did you mean 'toy'?"),
        (
            ["horses", "--out", "new", "--evolver", "single"],
            1,
            "the evolver 'single' makes no agers",
        ),
        (["horses", "--to", "reference", "--out", "new"], 1, "there is no model 'horses'"),
    ],
)
def test_mistakes_are_told_in_plain_words(agekit, here, arguments, code, says):
    write_checkpoints(here / "horses")
    found, out, err = agekit("convert", *arguments)
    assert (found, out) == (code, "")
    assert says in err
    assert not (here / "new").exists()


def test_the_reader_is_named_where_several_are_installed(agekit, here):
    write_checkpoints(here / "horses")
    options = ("--out", "new", "--size", "32")
    code, _, err = agekit("convert", "horses", *options)
    assert (code, "2 installed plugins" in err, "cyclegan, toy" in err) == (1, True, True)
    assert "--evolver" in err


def test_the_only_reader_needs_no_name(here, monkeypatch):
    with pytest.raises(ConfigError, match="2 installed plugins read the checkpoints of agers"):
        only_reader()
    for disabled, reader in (("agekit-cyclegan", "toy"), ("toys", "cyclegan")):
        monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", disabled)
        refresh()
        assert only_reader() == reader
