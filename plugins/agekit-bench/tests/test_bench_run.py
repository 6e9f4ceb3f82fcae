from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import warm

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
def bench(tmp_path: Path) -> Callable:
    """Runs ``agekit bench`` beside a suite ``small.yaml``."""
    (tmp_path / "small.yaml").write_text(SUITE)

    def run(*arguments: object, **more: str):
        home = {"AGEKIT_CACHE": str(tmp_path / "cache"), "AGEKIT_DATA": "", "COLUMNS": "200"}
        return warm.run("bench", *arguments, env={**os.environ, **home, **more}, cwd=tmp_path)

    return run


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
        (("small.yaml", "--out", "small.yaml"), "small.yaml is a file, and results go to a folder"),
    ],
)
def test_mistakes_are_told_in_a_line_and_a_hint(
    arguments: tuple[str, ...], message: str, bench: Callable
) -> None:
    done = bench("run", *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "  hint: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [("--seeds", "0,x"), ("--seeds", "-1"), ("--root", "morph"), ("--slurm", "a"), ("--jobs", "0")],
)
def test_wrong_usage_ends_with_2(arguments: tuple[str, ...], bench: Callable) -> None:
    done = bench("run", "small.yaml", *arguments)
    assert done.returncode == 2 and "Error: Invalid value" in done.stderr


@pytest.mark.slow
def test_parameters_of_jobs_need_a_cluster(bench: Callable) -> None:
    done = bench("run", "small.yaml", "--slurm", "timeout_min=3")
    assert done.returncode == 2 and "--cluster" in done.stderr


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--device", "cuda:99"), "'cuda:99' was asked for"),
        (("--init", "horse=nowhere"), "--init horse: there is no model or file nowhere"),
    ],
)
def test_what_all_cells_need_is_looked_at_before_any_is_trained(
    arguments: tuple[str, ...], message: str, bench: Callable, tmp_path: Path
) -> None:
    for more in ((), ("--dry-run",)):
        done = bench("run", "small.yaml", *arguments, *more)
        assert done.returncode == 1
        assert message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "bench").exists()


@pytest.mark.slow
def test_a_dry_run_tells_every_row_that_cannot_be_built(bench: Callable, tmp_path: Path) -> None:
    rows = "".join(
        f"  - {{label: {label}, recipe: or-cnn, preset: null, set: {{data.size: {size}}}}}\n"
        for label, size in (("small", 20), ("smaller", 16), ("right", 60))
    )
    (tmp_path / "sizes.yaml").write_text(SUITE.partition("rows:")[0] + "rows:\n" + rows)
    done = bench("run", "sizes.yaml", "--dry-run", "--device", "cpu")
    assert done.returncode == 1
    assert "small: " in done.stderr and "smaller: " in done.stderr
    assert "right: " not in done.stderr and "Traceback" not in done.stderr


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
