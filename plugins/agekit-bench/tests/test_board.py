from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from agekit_bench.catalog import load_suite
from agekit_bench.cells import Cell, cells
from agekit_bench.failure import plain
from agekit_bench.launch import write_failure
from agekit_bench.process import RUN, _train, main
from agekit_bench.progress import Counts, ProgressTable, progress_of
from agekit_bench.result_files import read_result
from agekit_bench.spec import CellSpec, read_spec, write_spec
from agekit_bench.workers import devices, terminating
from rich.console import Console

from agekit.errors import ConfigError, ModelError


def test_progress_is_the_last_whole_line(tmp_path: Path) -> None:
    assert progress_of(tmp_path) == "starting"
    lines = [
        {"generation": 1, "epoch": epoch, "val_mae": error}
        for epoch, error in ((1, None), (2, 5.314))
    ]
    (tmp_path / "metrics.jsonl").write_text(json.dumps(lines[0]) + "\n")
    assert progress_of(tmp_path) == "generation 1, epoch 1"
    text = "".join(json.dumps(line) + "\n" for line in lines) + '{"generation": 1, "ep'
    (tmp_path / "metrics.jsonl").write_text(text)
    assert progress_of(tmp_path) == "generation 1, epoch 2, MAE 5.31"


def test_a_terminal_gets_a_table_and_others_lines(write_suite: Callable[..., Path]) -> None:
    (cell,) = cells(load_suite(write_suite("  - {label: reg, recipe: reg}\n")))
    counts = Counts(total=4, done=1, failed=1, left=65.0)
    for terminal in (True, False):
        file = io.StringIO()
        console = Console(file=file, force_terminal=terminal, width=80, color_system=None)
        with ProgressTable(console) as board:
            board.begun(cell, counts)
            board.show([(cell, 12.4, "generation 1, epoch 2, MAE 5.31")], counts)
        shown = file.getvalue()
        assert ("epoch 2, MAE 5.31" in shown) == terminal
        assert ("1 done, 1 failed, 1 running, 1 to go; about 0:01:05 left" in shown) == terminal
        started = "reg, resnet10-tiny, synthfaces:tiny, seed 0: started\n"
        assert (shown == started) == (not terminal)


def test_several_jobs_share_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert devices("cuda", 3) == devices("auto", 2) == ["cuda:0", "cuda:1"]
    assert devices("cuda", 1) == ["cuda"]
    assert devices("cuda:1", 4) == ["cuda:1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices("auto", 2) == ["auto"]


def test_sigterm_stops_as_ctrl_c_does() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminating():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def spec_of(cell: Cell, out: Path, weights: str | None = None, threads: int = 1) -> CellSpec:
    return CellSpec.of(
        cell,
        out,
        root=None,
        weights=weights,
        device="cpu",
        threads=threads,
        cross=[],
        judges=[],
    )


def test_a_cell_that_goes_on_keeps_its_threads(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    (cell,) = cells(load_suite(write_suite("  - {label: reg, recipe: reg}\n")))

    def spec(threads: int) -> CellSpec:
        return spec_of(cell, tmp_path, threads=threads)

    folder = cell.folder(tmp_path)
    with pytest.raises(ModelError, match="no specification of a cell"):
        read_spec(folder)
    assert write_spec(folder, spec(2)) == spec(2) == read_spec(folder)
    assert write_spec(folder, spec(4)) == spec(2) == read_spec(folder)


def test_a_cell_that_another_process_has_finished_is_let_be(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    (cell,) = cells(load_suite(write_suite("  - {label: reg, recipe: reg}\n")))
    spec = spec_of(cell, tmp_path)
    folder = cell.folder(tmp_path)
    write_spec(folder, spec)
    spec.result.parent.mkdir(parents=True)
    spec.result.write_text('{"status": "done"}')
    assert main([str(folder), "--alone"]) == 0
    assert not (folder / RUN).exists()
    assert spec.result.read_text() == '{"status": "done"}'


def test_a_run_from_other_weights_is_not_gone_on_with(
    write_suite: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = cells(load_suite(write_suite("  - {label: reg, recipe: reg}\n")))
    folder, calls = cell.folder(tmp_path), []
    monkeypatch.setattr("agekit.training.train.train", lambda *_, **o: calls.append(o["init"]))
    monkeypatch.setattr("agekit.training.resume.resume", lambda *_, **o: calls.append("resumed"))
    monkeypatch.setattr("agekit_bench.process._is_begun", lambda *_: bool(calls))
    monkeypatch.setattr("agekit_bench.process._place", lambda *_: None)
    old, new, moved = (tmp_path / f"{name}.pth" for name in ("old", "new", "moved"))
    for path, content in ((old, b"a"), (new, b"b"), (moved, b"b")):
        path.write_bytes(content)
    for weights in (old, old, new, moved, None):
        spec = spec_of(cell, tmp_path, None if weights is None else str(weights))
        _train(folder, spec)
    assert calls == [str(old), "resumed", str(new), "resumed", None]
    with pytest.raises(ConfigError, match="there is no model or file"):
        _train(folder, spec_of(cell, tmp_path, str(tmp_path / "gone.pth")))
    (folder / "start.sha256").unlink()
    _train(folder, spec_of(cell, tmp_path, str(new)))
    assert calls[-1] == "resumed"


def test_a_failure_is_written_down_though_its_recipe_is_broken(
    write_suite: Callable[..., Path], tmp_path: Path
) -> None:
    (cell,) = cells(load_suite(write_suite("  - {label: reg, recipe: reg}\n")))
    spec = spec_of(cell, tmp_path).model_copy(update={"recipe": str(tmp_path / "gone.yaml")})
    folder = cell.folder(tmp_path)
    folder.mkdir(parents=True)
    result = write_failure(folder, spec, "raised", "it broke", datetime.now(UTC), 1.0)
    assert (result.recipe, result.recipe_hash, result.machine) == (None, None, None)
    assert read_result(spec.result) == result


def test_what_failed_cells_say_names_no_folder_of_the_machine() -> None:
    text = 'File "/opt/site/agekit/bench/running/cell.py", line 3; /data/faces/a.jpg, https://a.b/c/d/e'
    assert plain(text, {"/data/faces": "ROOT", "None": "ROOT"}) == (
        'File ".../running/cell.py", line 3; ROOT/a.jpg, https://a.b/c/d/e'
    )
