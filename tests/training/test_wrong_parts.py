"""A part that breaks the contract of its kind ends the command before a run is made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.training.thrown import Install, train_it

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


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "what", "says"), WRONG, ids=lambda text: str(text)[:24])
def test_three_lines_name_part_distribution_file_and_line(
    kind: str,
    what: str,
    says: str,
    plugin: Install,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = plugin(kind, WRONG[kind, what, says])
    code = train_it(tmp_path, kind)
    error = capsys.readouterr().err
    assert code == 1, error
    assert not (tmp_path / "run").exists()
    lines = error.strip().splitlines()[-3:]
    assert len(lines) == 3 and lines[0].startswith(f"error: the {kind} 'thrown-bad' "), error
    assert re.search(says, lines[0]), lines[0]
    start = module.read_text().splitlines().index("# the part")
    found = re.fullmatch(r"  at: agekit-thrown 1\.0, (.*), line (\d+)", lines[1])
    assert found is not None, lines[1]
    assert found[1] == str(module)
    assert int(found[2]) > start or what == "another width" or "built" in lines[0]
    assert lines[2].startswith("  hint: ")


def test_the_trace_is_shown_on_demand(
    plugin: Install,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin("loss", "class Part(Loss):\n    def forward(self, raw, target, ancestor=None): 1 / 0\n")
    monkeypatch.setenv("AGEKIT_DEBUG", "1")
    train_it(tmp_path, "loss")
    assert "thrown.py" in capsys.readouterr().err.partition("ZeroDivisionError")[0]
