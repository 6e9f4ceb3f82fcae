from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from agekit_bench.result import CellError, Evaluation, Result, result_path, row_slug
from agekit_bench.result_files import (
    canonical_hash,
    is_kept,
    read_files,
    read_result,
    read_results,
    schema,
    write_result,
)

from agekit.errors import DataError

REPOSITORY = Path(__file__).parents[3]


def result(**changes: object) -> Result:
    fields: dict[str, object] = {
        "suite": "small",
        "row": "reg",
        "recipe_name": "reg-resnet10-tiny",
        "method": "reg",
        "backbone": "resnet10-tiny",
        "protocol": "synthfaces:tiny",
        "seed": 0,
        "status": "done",
        "evaluations": [
            Evaluation(
                protocol="synthfaces:tiny", split_hash="ab", generation=1, n=2, metrics={"mae": 5.0}
            )
        ],
        "started": "2026-01-01T00:00:00+00:00",
    }
    return Result.model_validate(fields | changes)


def failed(**changes: object) -> Result:
    error = CellError(kind="raised", message="no")
    return result(status="failed", error=error, evaluations=[], **changes)


def test_rows_are_named_after_recipe_and_overrides() -> None:
    assert row_slug("reg-timm/convnext_tiny", []) == "reg-timm-convnext_tiny"
    digits = hashlib.sha256(b"a.b=1\nc=2").hexdigest()[:8]
    assert row_slug("agekit-cen:cen", ["c=2", "a.b=1"]) == f"agekit-cen_cen+{digits}"
    assert row_slug("cen", ["a.b=1", "c=2"]) == row_slug("cen", ["c=2", "a.b=1"])
    path = result_path(Path("out"), "utkface:hash-80-10-10", "reg", 3)
    assert path == Path("out/utkface_hash-80-10-10/reg/seed-3.json")


def test_plain_data_has_one_hash_whatever_its_order() -> None:
    assert canonical_hash({"b": [1, 2.5], "a": None}) == canonical_hash({"a": None, "b": [1, 2.5]})
    assert canonical_hash({"a": 1}) == hashlib.sha256(b'{"a":1}').hexdigest()


def test_finished_results_are_never_replaced(tmp_path: Path) -> None:
    path = result_path(tmp_path, "synthfaces:tiny", "reg", 0)
    write_result(path, failed())
    write_result(path, failed(started="2026-01-02T00:00:00+00:00"))
    write_result(path, result())
    with pytest.raises(DataError, match="never replaced"):
        write_result(path, result())
    assert read_results(tmp_path) == [result()]
    assert [p.name for p in path.parent.iterdir()] == ["seed-0.json"]


def test_results_of_another_version_are_not_replaced_either(tmp_path: Path) -> None:
    path = result_path(tmp_path, "synthfaces:tiny", "reg", 0)
    write_result(path, result())
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))
    assert is_kept(path)
    with pytest.raises(DataError, match="never replaced"):
        write_result(path, result())
    write_result(path.with_name("seed-1.json"), failed())
    assert not is_kept(path.with_name("seed-1.json"))
    assert not is_kept(tmp_path / "nothing")
    path.write_text("[" * 200_000)
    assert not is_kept(path)
    with pytest.raises(DataError, match="not a valid result"):
        read_result(path)


def test_what_cannot_be_opened_may_be_a_result(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.json"
    path.symlink_to(path)
    assert is_kept(path)
    with pytest.raises(DataError, match="never replaced"):
        write_result(path, result())


def test_links_are_followed_and_each_folder_is_read_once(tmp_path: Path) -> None:
    good = result_path(tmp_path / "real", "synthfaces:tiny", "reg", 0)
    write_result(good, result())
    here = tmp_path / "here"
    here.mkdir()
    (here / "again").symlink_to(here)
    (here / "linked").symlink_to(tmp_path / "real")
    (here / "other").symlink_to(tmp_path / "real")
    at = here / "linked" / good.relative_to(tmp_path / "real")
    assert read_files(here) == {at: result()}
    (tmp_path / "before").symlink_to(here)
    assert list(read_files(tmp_path)) == [good]


def test_one_file_may_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    write_result(path, result())
    assert read_files(path, remarks := []) == {path: result()} and not remarks
    path.write_text("{")
    assert read_files(path, remarks) == {} and "mine.json is not a valid" in remarks[0]


def test_folders_that_cannot_be_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("shut"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    remarks: list[str] = []
    assert read_files(tmp_path, remarks) == {}
    assert remarks == [f"{tmp_path / 'shut'} cannot be read: Permission denied"]


def test_damaged_results_are_named_and_the_others_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = result_path(tmp_path, "synthfaces:tiny", "reg", 0)
    write_result(good, result())
    (good.parent / "seed-1.json").write_text('{"schema_version": 1')
    odd = json.loads(good.read_text()) | {"colour": "red", "seed": -1}
    (good.parent / "seed-2.json").write_text(json.dumps(odd))
    (tmp_path / "runs" / "seed-0").mkdir(parents=True)
    (tmp_path / "runs" / "seed-0" / "seed-0.json").write_text("{}")
    (good.parent / "README.md").write_text("not a result")

    remarks: list[str] = []
    assert read_files(tmp_path, remarks) == {good: result()}
    assert len(remarks) == 2
    assert "seed-1.json" in remarks[0]
    assert "seed: Input should be greater" in remarks[1]
    with caplog.at_level(logging.WARNING):
        assert read_results(tmp_path) == [result()]
    assert "seed-2.json" in caplog.text
    assert read_results(tmp_path / "nowhere") == []


def test_a_result_says_only_what_is_consistent() -> None:
    with pytest.raises(ValueError, match="a failed cell has an error"):
        result(status="failed")
    with pytest.raises(ValueError, match="has evaluations"):
        result(evaluations=[])
    with pytest.raises(ValueError, match="on its own protocol"):
        result(protocol="synthfaces:default")
    with pytest.raises(ValueError, match="scored twice"):
        result(evaluations=result().evaluations * 2)
    with pytest.raises(ValueError, match="finite"):
        Evaluation(protocol="a:b", split_hash="", generation=1, n=1, metrics={"mae": float("nan")})


def test_the_committed_schema_is_that_of_the_code() -> None:
    committed = REPOSITORY / "benchmarks" / "results" / "schema.json"
    assert json.loads(committed.read_text(encoding="utf-8")) == schema()
