"""Every cell shows its faces as the suite says; photos whose faces are not cut out are refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agekit_bench.catalog import load_suite
from agekit_bench.cells import cells
from agekit_bench.cli.run import run
from agekit_bench.datasets import cut_command, is_uncut
from agekit_bench.process import run_cell
from agekit_bench.report.build import gather, make_leaderboard
from agekit_bench.report.papers import paper_tables
from agekit_bench.result_files import read_result
from agekit_bench.scoring import alignments
from agekit_bench.spec import CellSpec, CrossSpec, hash_initial, write_spec
from agekit_synthfaces import write_face
from agekit_synthfaces.dataset import SynthFaces
from click.testing import CliRunner, Result

from agekit.data.alignment import WHOLE, Alignment
from agekit.data.manifest import COLUMNS, MANIFEST, TABLE, Manifest
from agekit.errors import ConfigError, DataError
from agekit.faces.align import standard
from agekit.tasks.evaluate import evaluate
from agekit.training.framing import Framing

HEAD = """
name: framed
description: for a test
preset: quick
seeds: [0]
backbones: [resnet10-tiny]
protocols: [{dataset: csv, protocol: column}]
"""
ROW = "  - {label: reg, recipe: reg, epochs: 1, set: {data.size: 32, train.batch_size: 8}}\n"
FIVE = "alignment: {align: five-points, detector: mtcnn, margin: 0.25}\n"
Write = Callable[..., Path]


def at(margin: float, detector: str = "mtcnn") -> Alignment:
    return standard(margin, detector)


def chips(folder: Path, face: Alignment, dataset: str = "csv") -> Path:
    """Twelve drawn faces as a prepared dataset that says where they lie."""
    lines = [",".join(COLUMNS)]
    for index in range(12):
        age, split = 20 + 3 * index, ("val", "test", "train", "train")[index % 4]
        write_face(folder / f"{index}.png", age, seed=index, size=32)
        lines.append(f"{index}.png,{age},,,,,{split},{index:032x}")
    (folder / TABLE).write_text("\n".join(lines) + "\n")
    manifest = Manifest(dataset=dataset, face=face, rows=12, made_by="tests")
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return folder


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_cell_and_what_it_is_scored_on_besides_are_shown_as_the_suite_says(
    write_suite: Write, place: Path
) -> None:
    suite = load_suite(write_suite(ROW, HEAD + FIVE))
    (cell,) = cells(suite)
    spec = CellSpec.of(
        cell,
        place / "out",
        root=chips(place / "wide", at(0.5)),
        weights=None,
        device="cpu",
        threads=1,
        cross=[
            CrossSpec(
                dataset="csv",
                protocol="column",
                split="all",
                root=chips(place / "tight", at(0.0)),
            )
        ],
        judges=[],
        alignment=suite.alignment,
    )
    folder = cell.folder(place / "out")
    write_spec(folder, spec)
    run_cell(folder, spec)
    result = read_result(spec.result)
    own, other = result.evaluations
    assert (result.facts["alignment"], result.facts["margin"]) == ("five-points", 0.25)
    assert own.data_alignment == at(0.5)
    assert other.data_alignment == at(0.0)
    for evaluation in (own, other):
        assert evaluation.shown_alignment == at(0.25)
        assert "faces reframed: the eyes lie at" in evaluation.remarks[0]
    assert "lies beyond the image and is mirrored" in other.remarks[0]
    seen = evaluate(folder / "run", "csv", root=place / "tight", protocol="column", split="all")
    assert seen["metrics"]["mae"] == pytest.approx(other.metrics["mae"])
    board = make_leaderboard(gather([place / "out"]), place)
    told = [" ".join(table.flags) for table in board.standings[0].tables]
    assert all("faces reframed" in text for text in told)
    assert not any("cut in another way" in text for text in told)


def dry(path: Path, *arguments: object) -> Result:
    done = CliRunner().invoke(run, [str(path), *map(str, arguments), "--dry-run"])
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.slow
def test_a_dry_run_prints_how_faces_are_cut_and_a_run_refuses_photos(
    write_suite: Write, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SynthFaces, "alignment", WHOLE)
    head = HEAD.replace("csv, protocol: column", "synthfaces, protocol: tiny")
    path = write_suite(ROW + "cross: [{dataset: morph}]\n", head)
    text = dry(path).output
    assert "  agekit data prepare synthfaces --root DIR --out synthfaces-chips\n" in text
    assert "  agekit data prepare morph --root DIR --out morph-chips\n" in text
    assert "then give --root morph=morph-chips" in text
    answer: dict[str, Any] = json.loads(dry(path, "--json").stdout)
    assert list(answer["prepare"]) == ["synthfaces", "morph"]
    with pytest.raises(ConfigError) as refused:
        CliRunner().invoke(run, [str(path)], catch_exceptions=False)
    (mistake,) = refused.value.mistakes
    assert mistake.startswith("synthfaces is a dataset of whole photos: cut its faces out by")
    assert refused.value.hint is not None
    assert "--root synthfaces=synthfaces-chips" in refused.value.hint
    assert not (place / "bench").exists()
    whole = dry(write_suite(ROW, head + "alignment: {align: whole}\n")).output
    assert "data prepare" not in whole


def test_a_dry_run_tells_how_faces_are_reframed_and_which_cannot_be(
    write_suite: Write, place: Path
) -> None:
    path = write_suite(ROW, HEAD + FIVE)
    wide = chips(place / "wide", at(0.5))
    text = dry(path, "--root", f"csv={wide}").output
    assert "  faces reframed: the eyes lie at" in text and "data prepare" not in text
    unknown = chips(place / "unknown", Alignment())
    path = write_suite(ROW, HEAD + FIVE.replace("mtcnn", "gone"))
    text = dry(path, "--root", f"csv={unknown}").output
    command = f"agekit data prepare csv --root {unknown} --detector gone --margin 0.25"
    assert f"  {command} --out csv-chips\n" in text


def test_what_is_to_be_cut(write_suite: Write, place: Path) -> None:
    plain, five = (load_suite(write_suite(ROW, HEAD + more)) for more in ("", FIVE))
    raw = place / "raw"
    raw.mkdir()
    for dataset, root, told in [
        ("morph", None, (True, True)),
        ("morph", chips(place / "cut", at(0.5), "morph"), (False, False)),
        ("morph", chips(place / "pack", WHOLE, "morph"), (True, True)),
        ("morph", raw, (True, True)),
        ("megaage-asian", None, (False, True)),
        ("megaage-asian", raw, (False, False)),
        ("synthfaces", None, (False, False)),
        ("nobody", None, (False, True)),
    ]:
        found = (is_uncut(plain, dataset, root), is_uncut(five, dataset, root))
        assert found == told, (dataset, root)
    assert cut_command(plain, "morph", None) == (
        "agekit data prepare morph --root DIR --out morph-chips"
    )


@pytest.mark.parametrize("wrong", ["{align: chips}", "{margin: 0.3}", "{align: squint}"])
def test_a_suite_says_five_points_or_whole(wrong: str, write_suite: Write) -> None:
    with pytest.raises(ConfigError, match="alignment"):
        load_suite(write_suite(ROW, HEAD + f"alignment: {wrong}\n"))


@pytest.mark.slow
def test_the_tables_of_the_paper_align_every_face() -> None:
    for table in paper_tables({}, {}, {}):
        cut = [line.split()[3] for line in table.prepare]
        assert cut == (table.waits_for if re.fullmatch(r"table\d", table.name) else [])


def test_a_cell_of_another_alignment_is_not_gone_on_with() -> None:
    starts = {hash_initial(None), *(hash_initial(None, a) for a in (WHOLE, at(0.2), at(0)))}
    assert len(starts) == 4 and "scratch" in starts


def test_what_is_kept_of_it_names_no_folder_of_the_machine() -> None:
    note = "cut them: agekit data prepare csv --root /home/me/faces/labels.csv --out CHIPS"
    framing = Framing(data=Alignment(), shown=Alignment(), notes=(note,))
    assert alignments(framing)["remarks"] == [
        "cut them: agekit data prepare csv --root .../faces/labels.csv --out CHIPS"
    ]


def test_faces_that_lie_nobody_knows_where_are_not_trained_on(place: Path) -> None:
    from agekit.training.train import train

    root = chips(place / "unknown", Alignment())
    with pytest.raises(DataError) as refused:
        train("reg-resnet10-tiny", "csv", root=root, alignment=at(0.25, "gone"))
    assert "is not known" in refused.value.message
    assert refused.value.hint is not None and "agekit data prepare csv" in refused.value.hint
    assert not (place / "runs").exists()
