"""What is said of an estimator face by face."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from agekit_synthfaces import SynthFaces

from agekit.cli import agekit
from agekit.tasks.estimator.face_errors import COLUMNS, WORST, FaceErrors
from agekit.tasks.estimator.figures import curves, distributions

N = 40


@pytest.fixture(scope="module")
def made() -> Callable[..., FaceErrors]:
    """Faces that are estimated the worse the wider their intervals are."""
    table = SynthFaces().read(None).take(np.arange(N))

    def make(width: float = 1.0) -> FaceErrors:
        off = np.arange(N, dtype=np.float32)[::-1].copy()
        half = 5 + width * off
        estimate = table.age + off
        pixels = [np.full((8, 8, 3), 40 + i, np.uint8) for i in range(N)]
        low, high = estimate - half, estimate + half
        return FaceErrors(
            table, ["test"] * N, estimate, low, high, lambda which: [pixels[i] for i in which]
        )

    return make


def test_the_surest_faces_are_those_of_the_narrowest_intervals(
    made: Callable[..., FaceErrors],
) -> None:
    faces = made()
    answered = faces.answered(0.25)
    assert answered == {
        "share": 0.25,
        "n": 10,
        "width": 28,
        "mae": pytest.approx(4.5),
        "coverage": 1,
    }
    assert [one["n"] for one in faces.risk_coverage()] == list(range(4, 41, 4))
    errors = [one["mae"] for one in faces.risk_coverage()]
    assert errors == sorted(errors) and errors[-1] == pytest.approx(19.5)
    assert faces.answered(0.001) is not None, "one face at least"
    alike = made(width=0)
    assert alike.answered(0.5) is None and alike.risk_coverage() == []


def test_the_table_has_a_row_a_face_and_no_formula(
    made: Callable[..., FaceErrors], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = made()
    name = type(faces.table.images).name
    monkeypatch.setattr(
        type(faces.table.images), "name", lambda self, i: "=1+1\udcff" if i == 0 else name(self, i)
    )
    faces.write_csv(tmp_path / "new" / "faces.csv")
    text = (tmp_path / "new" / "faces.csv").read_bytes().decode("utf-8", "surrogateescape")
    rows = list(csv.DictReader(text.splitlines()))
    assert tuple(rows[0]) == COLUMNS and len(rows) == N
    assert rows[0]["path"] == "./=1+1\udcff" and rows[0]["error"] == "39.00"
    assert {row["gender"] for row in rows} <= {"male", "female", ""}


@pytest.mark.slow
def test_the_worst_faces_are_drawn_and_the_curve_where_there_is_one(
    made: Callable[..., FaceErrors], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[list[int]] = []
    faces = made()
    object.__setattr__(
        faces, "pixels", lambda which: shown.append(list(which)) or made().pixels(which)
    )
    faces.draw_worst(tmp_path / "worst.png")
    assert shown == [list(range(WORST))]
    for width in (0, 1):
        made(width).draw(tmp_path / f"{width}.png", "test")
    assert all((tmp_path / f"{name}.png").stat().st_size > 5000 for name in ("worst", "0", "1"))


def test_epochs_are_whole_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks: list[list[float]] = []

    def keep(figure, path):  # type: ignore[no-untyped-def]
        figure.canvas.draw()
        ticks.extend(axes.get_xticks().tolist() for axes in figure.axes)

    monkeypatch.setattr("agekit.tasks.estimator.figures._save", keep)
    for epochs in (1, 2, 3, 5):
        records = [
            {"generation": 1, "epoch": e, "losses": {"loss": 1.0}, "val_mae": 2.0}
            for e in range(1, epochs + 1)
        ]
        curves(tmp_path / "c.png", records)
    assert ticks and all(tick == int(tick) for one in ticks for tick in one)


def test_scales_begin_at_nothing_and_generations_share_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[float, float]] = []

    def keep(figure, path):  # type: ignore[no-untyped-def]
        spans.extend(axes.get_ylim() for axes in figure.axes)

    monkeypatch.setattr("agekit.tasks.estimator.figures._save", keep)
    records = [
        {"generation": 1, "epoch": e, "losses": {"loss": loss}, "val_mae": 5 + loss}
        for e, loss in enumerate((-0.01, 0.1, 0.2), 1)
    ]
    curves(tmp_path / "c.png", records)
    assert spans[0][0] < 0 and spans[1][0] == 0
    spans.clear()
    flat, sharp = np.full((1, 4), 0.25, np.float32), np.array([[0, 0.9, 0.1, 0]], np.float32)
    distributions(tmp_path / "d.png", [np.zeros((8, 8, 3), np.uint8)], [2], (1, 4), [flat, sharp])
    assert spans[1] == spans[2] == pytest.approx((0, 1.05 * 0.9))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--plot", "a.jpg"], "'a.jpg' is no .png file"),
        (["--worst", "a"], "'a' is no .png file"),
        (["--plot", "."], "'.' is no .png file"),
        (["--csv", "."], "is a directory"),
        (["--plot", "a.png", "--worst", "a.png"], "a.png is named for two results"),
        (["--abstain", "0"], "is not in the range"),
        (["--abstain", "1"], "is not in the range"),
    ],
)
def test_what_cannot_be_written_is_refused_before_work_begins(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exception) as caught:
        agekit.main(["evaluate", "nothing", "synthfaces", *words], standalone_mode=False)
    assert told in str(getattr(caught.value, "message", caught.value))
