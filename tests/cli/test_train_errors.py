"""What training and evaluation say of input that cannot work: one line, a hint, exit 1."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from agekit.cli import main

RECIPE = ("train", "reg-resnet10-tiny")
SMALL = ("--preset", "quick", "--epochs", "1", "--set", "data.size=32")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AGEKIT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]):
    """Runs a command in this process; gives its exit code and what it said on stderr."""

    def run(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        err = capsys.readouterr().err
        assert "Traceback" not in err
        return int(stopped.value.code or 0), err

    return run


def faces(folder: Path, ages: list[float | str], *, broken: bool = False) -> Path:
    """A folder of small noise images and their labels.csv."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    with open(folder / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "age"])
        for index, age in enumerate(ages):
            path = folder / f"{index}.png"
            Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)).save(path)
            if broken:
                path.write_bytes(path.read_bytes()[:80])
            writer.writerow([path.name, age])
    return folder


def test_roots_that_are_not_there_or_empty(said, tmp_path: Path) -> None:
    code, err = said(*RECIPE, "utkface", *SMALL)
    assert code == 1 and "where is the dataset 'utkface'?" in err and "--root" in err
    code, err = said(*RECIPE, "utkface", *SMALL, "--root", tmp_path / "nowhere")
    assert code == 1 and "no such folder" in err
    (tmp_path / "empty").mkdir()
    code, err = said(*RECIPE, "utkface", *SMALL, "--root", tmp_path / "empty")
    assert code == 1 and "empty" in err


@pytest.mark.slow
def test_rows_without_a_usable_age_are_named_and_the_rest_is_trained_on(
    said, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ages = [*range(10, 70), "", "-1", "300", "NaN", "old"]
    root = faces(tmp_path / "some", ages)
    with pytest.raises(SystemExit) as stopped:
        main([*RECIPE, "folder", *SMALL, "--root", str(root), "--out", str(tmp_path / "run")])
    told = capsys.readouterr()
    assert stopped.value.code == 0, told.err
    assert "5 rows or images were left out" in told.out
    assert "60.png" in told.out


def test_one_age_for_all_teaches_nothing(said, tmp_path: Path) -> None:
    code, err = said(*RECIPE, "folder", *SMALL, "--root", faces(tmp_path / "same", [30] * 20))
    assert code == 1 and "all training faces are 30 years old" in err
    assert not (tmp_path / "runs").exists(), "no run was begun"


def test_images_that_cannot_be_read(said, tmp_path: Path) -> None:
    root = faces(tmp_path / "broken", list(range(20, 60)), broken=True)
    code, err = said(*RECIPE, "folder", *SMALL, "--root", root)
    assert code == 1 and "can be read" in err and ".png" in err


def test_splits_without_rows(said, tmp_path: Path) -> None:
    root = faces(tmp_path / "three", [20, 30, 40])
    code, err = said(*RECIPE, "folder", *SMALL, "--root", root, "--protocol", "column")
    assert code == 1 and "split" in err


@pytest.mark.slow
def test_parts_and_devices_that_do_not_fit(said) -> None:
    code, err = said("train", "reg-timm/resnet10x", "synthfaces", "--protocol", "tiny", *SMALL)
    assert code == 1 and "resnet10t" in err
    code, err = said(*RECIPE, "synthfaces", "--protocol", "tiny", *SMALL, "--device", "cuda:99")
    assert code == 1 and "cuda:99" in err
    wrong = ("--set", "evolver.losses.0.type=cross-entropy")
    code, err = said(*RECIPE, "synthfaces", "--protocol", "tiny", *SMALL, *wrong)
    assert code == 1 and "cannot take the output of the head 'reg'" in err


def test_wrong_usage_exits_with_2(said, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, err = said(*RECIPE, "synthfaces", "--out", tmp_path / "file")
    assert code == 2 and "is not a folder" in err
    assert said("train", "cen-resnet18")[0] == 2
    assert said("train", "cen-resnet18", "synthfaces", "--resume", "somewhere")[0] == 2
    assert said("train", "cen-resnet18", "synthfaces", "--epochs", "0")[0] == 2
    assert said("train", "--resume", "nowhere")[0] == 1


def test_models_that_are_not_there(said, tmp_path: Path) -> None:
    code, err = said("evaluate", tmp_path / "nothing", "synthfaces")
    assert code == 1 and "there is no model" in err
    code, err = said("evaluate", tmp_path, "synthfaces", "--split", "tset")
    assert code == 2 and "'test'" in err


def test_a_start_that_fails_leaves_no_folder(said, tmp_path: Path) -> None:
    out = tmp_path / "run"
    code, err = said(
        *RECIPE,
        "synthfaces",
        "--protocol",
        "tiny",
        *SMALL,
        "--init",
        tmp_path / "none",
        "--out",
        out,
    )
    assert code == 1 and "there is no model" in err
    assert not out.exists()


def test_a_recipe_file_that_is_not_there_is_told_in_plain_words(said, tmp_path: Path) -> None:
    code, err = said("train", tmp_path / "none.yaml", "synthfaces")
    assert code == 1 and f"there is no file {tmp_path / 'none.yaml'}" in err
    (tmp_path / "folder.yaml").mkdir()
    code, err = said("train", tmp_path / "folder.yaml", "synthfaces")
    assert code == 1 and "Is a directory" in err and "Errno" not in err


@pytest.mark.parametrize(
    ("recipe", "options", "leave_out"),
    [
        ("ldl-resnet10-tiny", ["--generations", 3], "--generations"),
        ("cyclegan", ["--generations", 3], "--generations"),
        ("cen-resnet10-tiny", ["--domains", "20-29,50-69"], "--domains"),
        (
            "cen-resnet10-tiny",
            ["--where", "gender=male", "--domains", "20-29,50-69"],
            "--domains, --where",
        ),
        ("ldl-nothing", ["--generations", 3], "--generations"),
    ],
)
def test_options_that_a_recipe_has_no_use_for_are_named(said, recipe, options, leave_out):
    code, err = said("train", recipe, "synthfaces", *options)
    assert code == 1
    assert err.endswith(f"hint: leave out {leave_out}, which this recipe has no use for\n")


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("ldl-resnet10-tiny", ["--set", "evolver.generations=3"]),
        ("cyclegan", ["--domains", "20-29,50-69", "--set", "data.nothing=1"]),
        ("cen-nothing", ["--generations", 3]),
    ],
)
def test_options_that_are_not_at_fault_are_not_named(said, recipe, options):
    code, err = said("train", recipe, "synthfaces", *options)
    assert code == 1
    assert "leave out" not in err
