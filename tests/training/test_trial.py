"""A part that breaks the contract of its kind ends the command before a run is made."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from agekit_ager.build import build_ager
from agekit_ager.recipe import AgerRecipe
from agekit_ager.trial import try_ager

from agekit.cli import main
from agekit.data.split import load_faces
from agekit.errors import ContractError, DataError
from agekit.recipe import resolve
from agekit.tasks.estimator.recipe import EstimatorRecipe
from agekit.tasks.estimator.trial import try_estimator
from agekit.training.evolver import build_evolver
from conftest import WritePlugin

SOURCE = """
import numpy as np
import torch
from torch import nn
from agekit.tasks.generator import Generator
from agekit.data.dataset import Dataset
from agekit.data.protocols import Protocol
from agekit_synthfaces.dataset import SynthFaces
from agekit.tasks.estimator.base import Head, Loss
from agekit.tasks.estimator.estimate import Estimate
from agekit.training.evolver import Evolver

class Good(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, width, 4, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    def forward(self, images):
        return self.net(images)

class Reg(Head):
    def __init__(self, in_features, ages):
        super().__init__(in_features, ages)
        self.fc = nn.Linear(in_features, 1)
    def forward(self, features):
        return self.fc(features).squeeze(-1)
    def estimate(self, raw, rule, level):
        age = raw * 50
        return Estimate(age, age - 1, age + 1)

class Mean(Loss):
    def forward(self, raw, target, ancestor=None):
        return (raw.float() - target.unit).abs().mean()

class Train(Evolver):
    first = "losses"
    def __init__(self, *, losses: "LossTerms") -> None:
        self.losses = losses
    def run(self, trainer):
        return trainer.generation(1, self.losses)
"""

WRONG = {
    ("backbone", "is none", "gives a Sequence, not an nn.Module"): """
        class Sequence:
            def eval(self): return self
        Part = Sequence
    """,
    ("backbone", "takes no images", "cannot take images of 32 x 32 pixels: TypeError"): """
        class Part(Good):
            def forward(self): return 1
    """,
    ("backbone", "a map", r"gives features of shape \(1, 8, 8, 8\), not features of"): """
        class Part(Good):
            def forward(self, images): return self.net[0](images)
    """,
    ("backbone", "a tuple", "gives tuple, not features of shape"): """
        class Part(Good):
            def forward(self, images): return super().forward(images), None
    """,
    ("backbone", "another width", "gives features of length 7 in training, and 8 when"): """
        class Part(Good):
            def forward(self, images):
                out = super().forward(images)
                return out[:, :7] if self.training else out
    """,
    ("backbone", "one row less", r"gives features of shape \(3, 8\), not \(4, \*\)"): """
        class Part(Good):
            def forward(self, images):
                out = super().forward(images)
                return out[1:] if len(out) > 1 else out
    """,
    ("backbone", "detached", "gives features without a gradient"): """
        class Part(Good):
            def forward(self, images): return super().forward(images).detach()
    """,
    ("backbone", "not finite", "gives features that are not finite"): """
        class Part(Good):
            def forward(self, images): return super().forward(images) / 0
    """,
    ("backbone", "fails in training", "cannot take images of 32 x 32 pixels: no such mode"): """
        class Part(Good):
            def forward(self, images):
                if self.training: raise RuntimeError('no such mode')
                return super().forward(images)
    """,
    ("backbone", "no super", r"cannot be built with \{\}: AttributeError"): """
        class Part(Good):
            def __init__(self): self.net = nn.Linear(1, 1)
    """,
    ("head", "no ages", r"cannot be built with \{\}: TypeError"): """
        class Part(Reg):
            def __init__(self, in_features): super().__init__(in_features, (0, 1))
    """,
    ("head", "another width", r"cannot take features of shape \(4, 8\): .*mat1 and mat2"): """
        class Part(Reg):
            def __init__(self, in_features, ages):
                super().__init__(in_features, ages)
                self.fc = nn.Linear(in_features + 1, 1)
    """,
    ("head", "no batch", r"gives raw outputs of shape \(\), not \(4, ...\)"): """
        class Part(Reg):
            def forward(self, features): return super().forward(features).mean()
    """,
    ("head", "classes", "gives raw outputs of type torch.int64"): """
        class Part(Reg):
            def forward(self, features): return super().forward(features).long()
    """,
    ("head", "detached", "gives raw outputs without a gradient"): """
        class Part(Reg):
            def forward(self, features):
                with torch.no_grad(): return super().forward(features)
    """,
    ("head", "cuts the backbone off", "passes no gradient on to the backbone"): """
        class Part(Reg):
            def forward(self, features): return super().forward(features.detach())
    """,
    ("head", "no estimate", "gives nothing, not an Estimate"): """
        class Part(Reg):
            def estimate(self, raw, rule, level): return None
    """,
    ("head", "estimates a column", r"gives values of 'age' of shape \(4, 1\), not \(4\)"): """
        class Part(Reg):
            def estimate(self, raw, rule, level):
                return Estimate(raw[:, None], raw, raw)
    """,
    ("head", "estimate takes less", "cannot estimate ages from its output: TypeError"): """
        class Part(Reg):
            def estimate(self, raw): return Estimate(raw, raw, raw)
    """,
    ("loss", "takes less", "cannot take the output of the head 'reg', of shape .*TypeError"): """
        class Part(Loss):
            def forward(self, raw): return raw.mean()
    """,
    ("loss", "one each", r"gives a tensor of shape \(4,\) for the output of the head 'reg'"): """
        class Part(Loss):
            def forward(self, raw, target, ancestor=None): return raw - target.unit
    """,
    ("loss", "nothing", "gives nothing as its values for"): """
        class Part(Loss):
            def forward(self, raw, target, ancestor=None): raw.mean()
    """,
    ("loss", "the end of the process", "SystemExit: 0"): """
        class Part(Loss):
            def forward(self, raw, target, ancestor=None): raise SystemExit(0)
    """,
    ("loss", "a number", "gives a float as its values for"): """
        class Part(Loss):
            def forward(self, raw, target, ancestor=None): return raw.mean().item()
    """,
    ("loss", "detached", "gives a value without a gradient"): """
        class Part(Loss):
            def forward(self, raw, target, ancestor=None):
                return torch.tensor(float(raw.detach().mean()), requires_grad=True)
    """,
    ("loss", "not finite", "gives values for .* that are not finite"): """
        class Part(Loss):
            def forward(self, raw, target, ancestor=None): return (raw * 0 - 1).log().mean()
    """,
    ("loss", "an infinite gradient", "has a gradient that is not finite"): """
        class Part(Loss):
            def forward(self, raw, target, ancestor=None): return (raw * 0).abs().sqrt().mean()
    """,
    ("loss", "wants an ancestor", "learns from an ancestor, and the first generation has none"): """
        class Part(Loss):
            needs_ancestor = True
            def forward(self, raw, target, ancestor): return (raw - ancestor).abs().mean()
    """,
    ("evolver", "returns nothing", "returns nothing from its run"): """
        class Part(Train):
            def run(self, trainer):
                def inner(): return 1
                trainer.generation(1, self.losses)
    """,
    ("evolver", "takes less", "cannot be run: too many positional arguments"): """
        class Part(Train):
            def run(self): return 1
    """,
    ("evolver", "no run", r"cannot be built with .*: TypeError: Can't instantiate abstract"): """
        class Part(Evolver):
            def __init__(self, *, losses: "LossTerms") -> None: pass
    """,
    ("dataset", "nothing", "gives nothing from its read, not a FaceTable"): """
        class Part(SynthFaces):
            def read(self, root): return None
    """,
    ("dataset", "takes less", "cannot be read: TypeError"): """
        class Part(SynthFaces):
            def read(self): return None
    """,
    ("dataset", "a key", "cannot be read: KeyError: 'age'"): """
        class Part(SynthFaces):
            def read(self, root): return {}['age']
    """,
    ("dataset", "a short column", r"the column 'sigma' is float32 of shape \(3,\), not"): """
        from dataclasses import replace
        class Part(SynthFaces):
            def read(self, root):
                table = super().read(root)
                return replace(table, sigma=table.sigma[:3])
    """,
    ("dataset", "another type", r"the column 'age' is float64 of shape"): """
        from dataclasses import replace
        class Part(SynthFaces):
            def read(self, root):
                table = super().read(root)
                return replace(table, age=table.age.astype(float))
    """,
    ("dataset", "not built", "cannot be made: ZeroDivisionError"): """
        class Part(SynthFaces):
            def __init__(self): 1 / 0
    """,
}


def recipe(folder: Path, **parts: str) -> Path:
    path = folder / "mine.yaml"
    used = {"backbone": "good", "head": "good", "loss": "good", "evolver": "good"} | parts
    used = {kind: f"{{type: thrown-{name}" for kind, name in used.items()}
    path.write_text(
        f"backbone: {used['backbone']}}}\nheads:\n  reg: {used['head']}}}\nevolver:\n"
        f"  type: {used['evolver'].removeprefix('{type: ')}\n"
        f"  losses: [{used['loss']}, head: reg}}]\n"
        "train: {epochs: 1, batch_size: 32, amp: fp32}\ndata: {size: 32}\n"
    )
    return path


@pytest.fixture
def plugin(
    write_plugin: WritePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Installs good parts and one other; gives the path of its module."""
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))

    def install(kind: str, source: str) -> Path:
        from textwrap import dedent

        points = {
            "backbone": {"thrown-good": "thrown:Good"},
            "head": {"thrown-good": "thrown:Reg"},
            "loss": {"thrown-good": "thrown:Mean"},
            "evolver": {"thrown-good": "thrown:Train"},
        }
        points.setdefault(kind, {})["thrown-bad"] = "thrown:Part"
        site = write_plugin(
            "agekit-thrown", points, {"thrown.py": SOURCE + "\n# the part\n" + dedent(source)}
        )
        return site / "thrown.py"

    return install


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "what", "says"), WRONG, ids=lambda text: str(text)[:24])
def test_three_lines_name_part_distribution_file_and_line(
    kind: str,
    what: str,
    says: str,
    plugin: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = plugin(kind, WRONG[kind, what, says])
    parts = {} if kind == "dataset" else {kind: "bad"}
    dataset = "thrown-bad" if kind == "dataset" else "synthfaces"
    run = tmp_path / "run"
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "train",
                str(recipe(tmp_path, **parts)),
                dataset,
                "--protocol",
                "tiny",
                "--out",
                str(run),
                "--device",
                "cpu",
            ]
        )
    error = capsys.readouterr().err
    assert stopped.value.code == 1, error
    assert not run.exists()
    lines = error.strip().splitlines()[-3:]
    assert len(lines) == 3 and lines[0].startswith(f"error: the {kind} 'thrown-bad' "), error
    import re

    assert re.search(says, lines[0]), lines[0]
    start = module.read_text().splitlines().index("# the part")
    found = re.fullmatch(r"  at: agekit-thrown 1\.0, (.*), line (\d+)", lines[1])
    assert found is not None, lines[1]
    assert found[1] == str(module)
    assert int(found[2]) > start or what == "another width" or "built" in lines[0]
    assert lines[2].startswith("  hint: ")


def test_the_trace_is_shown_on_demand(
    plugin: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin("loss", "class Part(Loss):\n    def forward(self, raw, target, ancestor=None): 1 / 0\n")
    monkeypatch.setenv("AGEKIT_DEBUG", "1")
    with pytest.raises(SystemExit):
        main(["train", str(recipe(tmp_path, loss="bad")), "synthfaces", "--protocol", "tiny"])
    assert "thrown.py" in capsys.readouterr().err.partition("ZeroDivisionError")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "class Part(Train):\n    def run(self, lab): return lab.nothing()\n",
            "fails: Attrib",
        ),
        ("class Part(Train):\n    def run(self, trainer): return {}\n", "gives a dict after 0 fin"),
    ],
)
def test_what_an_evolver_does_wrong_in_its_run_is_told_as_its_own(
    source: str,
    says: str,
    plugin: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plugin("evolver", source)
    with pytest.raises(SystemExit) as stopped:
        main(
            [
                "train",
                str(recipe(tmp_path, evolver="bad")),
                "synthfaces",
                "--protocol",
                "tiny",
                "--out",
                str(tmp_path / "run"),
                "--device",
                "cpu",
            ]
        )
    error = capsys.readouterr().err
    assert stopped.value.code == 1 and f"the evolver 'thrown-bad' {says}" in error
    assert "thrown.py, line" in error


def test_a_trial_leaves_every_random_number_as_it_was(plugin: Callable[..., Path]) -> None:
    plugin(
        "loss",
        """
        import random
        class Part(Loss):
            def forward(self, raw, target, ancestor=None):
                random.random(), np.random.rand(), torch.rand(1)
                return raw.mean()
        """,
    )
    overrides = ["evolver.losses=[{type: thrown-bad, head: reg}]", "data.size=32"]
    made = resolve("reg-resnet10-tiny", overrides=overrides).recipe
    assert isinstance(made, EstimatorRecipe)
    faces = load_faces("synthfaces", None, "tiny")
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    try_estimator(made, build_evolver(made.evolver), faces, torch.device("cpu"), 0)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert before == after


def test_a_head_that_no_loss_trains_is_told() -> None:
    changes = ["evolver.losses=[{type: l1, head: reg}]", "data.size=32"]
    made = resolve("ldl-reg-resnet10-tiny", overrides=changes).recipe
    assert isinstance(made, EstimatorRecipe)
    faces = load_faces("synthfaces", None, "tiny")
    (note,) = try_estimator(made, build_evolver(made.evolver), faces, torch.device("cpu"), 0)
    assert note.startswith("no loss trains the head 'ldl'")


@pytest.mark.parametrize(
    ("forward", "says"),
    [
        ("return self.net(images)[..., ::2]", r"gives faces of shape \(2, 3, 16, 8\), not \(2, 3"),
        ("return self.net(images).detach()", "gives faces without a gradient"),
        ("return None", "gives nothing as its faces, not a tensor"),
        ("return self.net(images) / 0", "gives faces that are not finite"),
        ("return images.cube()", "cannot take images of 16 x 16 pixels: AttributeError"),
    ],
)
def test_a_generator_is_tried_too(forward: str, says: str, plugin: Callable[..., Path]) -> None:
    plugin(
        "generator",
        f"""
        class Part(Generator):
            def __init__(self):
                super().__init__()
                self.net = nn.Conv2d(3, 3, 1)
            def forward(self, images):
                {forward}
        """,
    )
    changes = ["data.size=16", "evolver.discriminator_layers=1"]
    made = resolve("cyclegan-thrown-bad", overrides=changes).recipe
    assert isinstance(made, AgerRecipe)
    evolver = build_evolver(made.evolver, "ager")
    with pytest.raises(ContractError, match=f"the generator 'thrown-bad' {says}") as caught:
        try_ager(made, evolver, build_ager(made.generator, 0), torch.device("cpu"))
    assert "thrown.py, line" in caught.value.where


def test_the_step_of_an_agers_evolver_is_tried_too() -> None:
    changes = ["data.size=16", "generator.width=4"]
    made = resolve("cyclegan-resnet-6blocks", overrides=changes).recipe
    assert isinstance(made, AgerRecipe)
    evolver = build_evolver(made.evolver, "ager")
    with pytest.raises(DataError, match="3 layers cannot take images of 16 x 16 pixels"):
        try_ager(made, evolver, build_ager(made.generator, 0), torch.device("cpu"))
