"""Models on the same faces, through the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agekit_bench.compare import FEW, compare_models, exposure
from agekit_testkit.models import write_untrained
from PIL import Image

from agekit.cli import agekit
from agekit.data.split import load_faces
from agekit.errors import ConfigError
from agekit.zoo.folder import read_config

DATA = ("synthfaces", "--protocol", "tiny", "--device", "cpu")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three models that know nothing, one of them of other ages."""
    folder = tmp_path_factory.mktemp("models")
    spans = {"a": (10, 40), "b": (30, 80), "c": (0, 20)}
    return [
        str(write_untrained(folder / name, "ldl-resnet10-tiny", ages))
        for name, ages in spans.items()
    ]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    agekit.main(["compare", *words], standalone_mode=False)
    out = capsys.readouterr()
    return out.out, out.err


def test_differences_are_paired_by_face_over_all_and_on_each_part(
    models: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, plot = tmp_path / "faces.csv", tmp_path / "plot.png"
    out, err = run(capsys, *models, *DATA, "--json", "--csv", str(table), "--plot", str(plot))
    answer: dict[str, Any] = json.loads(out)
    assert answer["split_hash"] == load_faces("synthfaces", protocol="tiny").split_hash
    assert answer["baseline"] == models[0] and answer["n"] == 56
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    off = [
        np.array([abs(float(row[f"estimate: {m}"]) - float(row["age"])) for row in rows])
        for m in models
    ]
    for k, one in enumerate(answer["models"]):
        assert one["mae"] == pytest.approx(off[k].mean(), abs=0.01)
    for k, one in enumerate(answer["differences"], 1):
        assert one["by"] == pytest.approx((off[k] - off[0]).mean(), abs=0.01)
        low, high = one["interval"]
        assert low < one["by"] < high
        assert one["errs_less"] is (None if low <= 0 <= high else one["by"] < 0)
    parts = {(part["kind"], part["name"]): part for part in answer["parts"]}
    few = [part for part in answer["parts"] if part["n"] < FEW]
    assert few and all(one["errs_less"] is None for part in few for one in part["differences"])
    female = np.array([row["gender"] == "female" for row in rows])
    part = parts["gender", "female"]
    assert part["n"] == female.sum()
    assert part["differences"][0]["by"] == pytest.approx((off[1] - off[0])[female].mean(), abs=0.01)
    assert "does not say what it was trained on" in answer["models"][0]["trained_on"]
    assert all(f"note: {name} does not say" in err for name in models)
    with Image.open(plot) as figure:
        assert figure.convert("L").getextrema()[0] < 100
    out, err = run(capsys, *models[:2], *DATA, "--plot", str(plot))
    assert out.splitlines()[-1] == str(plot)
    assert "synthfaces:tiny, test, 56 faces" in out and "female" in out
    assert "note: intervals are over faces alone" in err


def trained(folder: str, **told: Any) -> Any:
    """The configuration of a model that was trained so."""
    return read_config(Path(folder)).model_copy(update={"trained": told})


def test_a_model_that_was_trained_on_the_faces_is_named(models: list[str]) -> None:
    tiny, whole = (load_faces("synthfaces", protocol=name) for name in ("tiny", "default"))
    by_tiny = trained(
        models[0], dataset="synthfaces", protocol=tiny.protocol, split_hash=tiny.split_hash
    )
    assert exposure(by_tiny, tiny, "test") == ""
    assert exposure(by_tiny, tiny, "train") == "was trained on 376 of the 376 synthfaces faces"
    assert exposure(by_tiny, tiny, "val").startswith("was chosen or calibrated by 48 of the 48")
    told = exposure(by_tiny, whole, "all")
    assert told.startswith("was trained on 376 of the ") and "calibrated by 48" in told
    several = trained(
        models[0],
        dataset="synthfaces+csv",
        split_hash="f" * 16,
        parts=[
            {
                "dataset": "agekit-synthfaces:synthfaces",
                "protocol": tiny.protocol,
                "split_hash": tiny.split_hash,
            },
            {"dataset": "csv", "protocol": "csv:default", "split_hash": "e" * 16},
        ],
    )
    assert "376 of the 376" in exposure(several, tiny, "train")
    other = trained(models[0], dataset="synthfaces", protocol=tiny.protocol, split_hash="d" * 16)
    assert "another split of synthfaces" in exposure(other, tiny, "test")
    gone = trained(models[0], dataset="synthfaces", protocol="gone.csv", split_hash="d" * 16)
    assert "another split of synthfaces" in exposure(gone, tiny, "test")
    elsewhere = trained(models[0], dataset="utkface", protocol="utkface:x", split_hash="d" * 16)
    assert exposure(elsewhere, tiny, "train") == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a", "synthfaces"], "two models or more"),
        (["a", "a", "synthfaces"], "a is named twice"),
        (["a", "b", "synthfaces", "--plot", "x.pdf"], "'x.pdf' is no .png file"),
        (["a", "b", "synthfaces", "--csv", "."], "--csv . is not a file"),
        (["a", "b", "synthfaces", "--json", "--csv", "-"], "both answer on stdout"),
        (["none-such", "b", "synthfaces"], "none-such"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exception) as caught:
        run(capsys, *words)
    assert told in str(getattr(caught.value, "message", caught.value))


def test_models_of_another_kind_are_refused(models: list[str]) -> None:
    with pytest.raises(ConfigError, match="estimate ages are compared"):
        compare_models([models[0], "gender-resnet10-tiny"], "synthfaces")
    with pytest.raises(ConfigError, match="two models or more"):
        compare_models(models[:1], "synthfaces")
