from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agekit.testing import write_face

SUITE = """
name: small
description: for a test
preset: quick
seeds: [0, 1]
backbones: [resnet10-tiny]
protocols: [{dataset: synthfaces, protocol: tiny}, {dataset: morph}]
rows:
  - {label: Reg, recipe: reg, epochs: 1}
  - {label: LDL, recipe: ldl, epochs: 1, init: horse}
"""


@pytest.fixture
def bench(run_agekit: Callable, tmp_path: Path) -> Callable:
    """Runs ``agekit bench`` beside a suite ``small.yaml``."""
    (tmp_path / "small.yaml").write_text(SUITE)

    def run(*arguments: object, **more: str):
        home = {"AGEKIT_CACHE": str(tmp_path / "cache"), "AGEKIT_DATA": "", "COLUMNS": "200"}
        return run_agekit("bench", *map(str, arguments), **{**home, **more})

    return run


def test_the_suites_are_listed(bench: Callable, tmp_path: Path) -> None:
    done = bench("list", AGEKIT_SUITES=str(tmp_path))
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert lines["small"][1] == "8" and "methods" in lines and "aging-table1" in lines

    (tmp_path / "broken.yaml").write_text("name: [")
    done = bench("list", "--json", AGEKIT_SUITES=str(tmp_path))
    assert done.returncode == 0 and "cannot be read: while parsing" in done.stderr
    found = {suite["name"]: suite for suite in json.loads(done.stdout)}
    assert found["small"]["cells"] == 8 and found["small"]["path"] == str(tmp_path / "small.yaml")


def test_a_dry_run_shows_what_would_be_trained_and_what_lacks(bench: Callable) -> None:
    done = bench("run", "small.yaml", "--dry-run", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "synthfaces:tiny: train 376, val 48, test 56 faces" in done.stdout
    assert "4 cells wait for morph (--root morph=DIR)" in done.stdout
    assert "An estimate for one job on cpu" in done.stdout

    done = bench("run", "small.yaml", "--dry-run", "--json", "--only", "Reg", "--seeds", "3")
    answer = json.loads(done.stdout)
    assert [(c["seed"], c["state"]) for c in answer["cells"]] == [(3, "new"), (3, "waiting")]
    assert answer["cells"][0]["parameters"] == 1_230_497
    assert answer["lacking"] == ["morph (--root morph=DIR)"]
    listed = json.loads(bench("list", "small.yaml", "--json").stdout)
    assert [c["state"] for c in listed["cells"]] == ["new", "waiting", "waiting", "waiting"] * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("smal",), "there is no suite 'smal'"),
        (("small.yaml", "--only", "nothing"), "no cell matches 'nothing'"),
        (("small.yaml", "--preset", "quik"), "has no preset 'quik'; did you mean 'quick'?"),
        (("small.yaml", "--protocol", "synthface"), "no dataset named 'synthface'"),
        (("small.yaml", "--root", "morph=nowhere"), "morph: no such folder: nowhere"),
        (("small.yaml", "--root", "wiki=."), "the suite has no dataset 'wiki'"),
        (("small.yaml", "--init", "cow=x"), "no row starts from 'cow'"),
        (("small.yaml", "--only", "morph"), "no cell of 'small' can be run without morph"),
    ],
)
def test_mistakes_are_told_in_a_line_and_a_hint(
    arguments: tuple[str, ...], message: str, bench: Callable
) -> None:
    done = bench("run", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "  hint: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--seeds", "0,x"), ("--seeds", "-1"), ("--root", "morph"), ("--slurm", "a"), ("--jobs", "0")],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], bench: Callable) -> None:
    done = bench("run", "small.yaml", *arguments)
    assert done.returncode == 2 and "Error: Invalid value" in done.stderr


def test_a_folder_with_results_is_gone_on_with_only_by_wish(
    bench: Callable, tmp_path: Path
) -> None:
    listed = json.loads(bench("list", "small.yaml", "--json").stdout)
    begun = tmp_path / "bench" / "small" / "runs" / listed["cells"][0]["cell"]
    begun.mkdir(parents=True)
    (begun / "cell.json").write_text("{}")
    done = bench("run", "small.yaml")
    assert done.returncode == 1
    assert "1 of these cells are in bench/small already" in done.stderr
    assert "go on there with --resume" in done.stderr


def morph(root: Path) -> None:
    names = [f"{person:06d}_0{'MF'[person % 2]}{16 + person}.JPG" for person in range(1, 9)]
    lines = ["id_num,gender,race,age,photo"]
    for person, name in enumerate(names, 1):
        write_face(root / "Album2" / name, 16 + person, seed=person)
        lines.append(f"{person},{'MF'[person % 2]},B,{16 + person},Album2/{name}")
    (root / "morph_2008_nonCommercial.csv").write_text("\n".join(lines) + "\n")


def megaage(root: Path) -> None:
    (root / "list").mkdir(parents=True)
    for split, count in (("train", 6), ("test", 3)):
        for i in range(count):
            write_face(root / split / f"{i}.jpg", i, seed=count * 10 + i)
        names, ages = ([f"{i}.jpg" for i in range(count)], [str(7 * i) for i in range(count)])
        (root / "list" / f"{split}_name.txt").write_text("\n".join(names) + "\n")
        (root / "list" / f"{split}_age.txt").write_text("\n".join(ages) + "\n")


def chalearn(root: Path) -> None:
    for split, first in (("Train", 1), ("Validation", 5)):
        lines = []
        for i in range(first, first + 4):
            write_face(root / split / f"image_{i}.jpg", 20 + i, seed=i)
            lines.append(f"image_{i}.jpg;{20 + i};{i / 4}")
        (root / f"{split}.csv").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("suite", "faces"),
    [
        ("table2", {"morph:random-80-20": 8}),
        ("table3", {"chalearn15:train-val": 8}),
        ("table4", {"megaage-asian:official": 9}),
        ("table5", {"morph:random-80-20": 8, "megaage-asian:official": 9}),
    ],
)
def test_the_papers_suites_run_dry_on_data_laid_out_as_the_real_is(
    suite: str, faces: dict[str, int], bench: Callable, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for name, make in (("morph", morph), ("megaage-asian", megaage), ("chalearn15", chalearn)):
        make(data / name)
    done = bench("run", suite, "--dry-run", "--json", "--device", "cpu", AGEKIT_DATA=str(data))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    counted = {one["protocol"]: sum(one["faces"].values()) for one in answer["data"]}
    assert counted == faces
    assert answer["lacking"][0] == "imdb-wiki (--root imdb-wiki=DIR)"
    assert all(cell["parameters"] for cell in answer["cells"])


def test_nothing_heavy_is_imported_to_list(tmp_path: Path) -> None:
    code = (
        "import sys; from agekit.cli import main\n"
        "try: main(['bench', 'list'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'timm', 'mmengine', 'numpy', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=tmp_path, env={**os.environ}, timeout=120
    )
