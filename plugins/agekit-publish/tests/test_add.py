from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from agekit_publish.add import add_model

from agekit.errors import ConfigError
from agekit.zoo.entry import parse_entry
from agekit.zoo.verify import verify

JUDGED = {"n": 30, "shift": 7.5, "interval": [6.5, 8.5], "before": 26.0, "after": 33.5, "mae": 4.0}
EVALUATION = {
    "model": "runs/somewhere",
    "protocol": "drawn:all",
    "split": "test",
    "split_hash": "0123456789abcdef",
    "judges": {},
    "metrics": {"old": {"judges": {"a judge": JUDGED}}},
}


@pytest.mark.slow
def test_an_agers_evaluation_is_on_its_card(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(EVALUATION))
    done = add_model("prototypes", tmp_path, "mine", evaluation=path)
    card = (done.folder / "README.md").read_text()
    assert "| old | a judge | 30 | +7.50 | +6.50 to +8.50 | 26.0 | 33.5 |" in card
    metrics = json.loads((done.folder / "metrics.json").read_text())
    assert metrics["evaluation"]["protocol"] == "drawn:all" and "somewhere" not in str(metrics)
    assert verify(done.folder, done.entry) == []


@pytest.mark.parametrize(
    ("model", "text", "says"),
    [
        ("prototypes", None, "cannot be read"),
        ("prototypes", "{", "cannot be read"),
        ("prototypes", '{"model": "x"}', "is not what `agekit evaluate"),
        ("cen-resnet10-tiny", json.dumps(EVALUATION), "is an estimator"),
    ],
)
def test_what_is_no_evaluation(tmp_path, model, text, says):
    path = tmp_path / "evaluation.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        add_model(model, tmp_path, "mine", evaluation=path)
    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
@pytest.mark.parametrize("force", [False, True])
def test_two_at_once_leave_one_whole_model(tmp_path, make_model, force):
    sources = [make_model(name="one"), make_model("ldl-resnet10-tiny", name="two")]

    def add(source):
        return add_model(source, tmp_path / "zoo", "mine", force=force)

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(add, source) for source in sources]
    failed = [one for one in done if one.exception() is not None]
    assert len(failed) == (0 if force else 1)
    for one in failed:
        with pytest.raises(ConfigError, match="is there already"):
            one.result()
    entry = parse_entry((tmp_path / "zoo/mine.json").read_text(), "mine.json")
    assert verify(tmp_path / "zoo/mine", entry) == []
    assert sorted(p.name for p in (tmp_path / "zoo").iterdir()) == ["mine", "mine.json"]


def test_what_else_lies_in_the_folder_stays(tmp_path, make_model):
    add_model(make_model(), tmp_path / "zoo", "mine")
    (tmp_path / "zoo/mine/notes.txt").write_text("mine")
    add_model(tmp_path / "model", tmp_path / "zoo", "mine", force=True)
    assert (tmp_path / "zoo/mine/notes.txt").read_text() == "mine"


def measured(trained, **changed):
    row = {"mae": 2.5, "cs5": 0.75, "by_age": [{"ages": "10-19", "n": 7, "mae": 2.5}]}
    row["by_age"][0] |= {"bias": -1.0, "coverage": 0.875}
    where = {key: trained.get(key) for key in ("dataset", "protocol", "split_hash")}
    return {"task": "estimator", **where, "split": "test", "n": 7, "metrics": row, **changed}


def test_an_estimator_is_measured_again(tmp_path, make_model):
    folder, path = make_model(), tmp_path / "evaluation.json"
    trained = json.loads((folder / "config.json").read_text())["trained"]
    path.write_text(json.dumps(measured(trained)))
    once = add_model(folder, tmp_path / "zoo", "mine", half=True, evaluation=path)
    card = (once.folder / "README.md").read_text()
    assert "| 10-19 | 7 | 2.50 | -1.00 | 87.5% |" in card and "it is off by **2.50 years**" in card
    assert "billion multiply-adds an answer" in card and "measured before they were" in card
    assert once.entry.metrics["mae"] == 2.5 and verify(once.folder, once.entry) == []
    again = add_model(once.folder, tmp_path / "more", "mine", half=True, evaluation=path)
    assert "measured after they were rounded" in (again.folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"split_hash": "0000000000000000"}, "its split_hash is 0000000000000000"),
        ({"dataset": "other"}, "its dataset is other"),
        ({"protocol": "none:other"}, "its protocol is none:other"),
        ({"split": "train"}, "its split is train"),
        ({"split": None}, "its split is None"),
        ({"metrics": None}, "it holds no metrics"),
        ({"metrics": {"mae": "much"}}, "mae"),
        ({"n": "seven"}, "n: "),
    ],
)
def test_what_was_measured_elsewhere_is_no_evaluation(tmp_path, make_model, changed, says):
    folder, path = make_model(), tmp_path / "evaluation.json"
    trained = json.loads((folder / "config.json").read_text())["trained"]
    path.write_text(json.dumps(measured(trained, **changed)))
    with pytest.raises(ConfigError, match="which is an estimator") as caught:
        add_model(folder, tmp_path / "zoo", "mine", evaluation=path)
    assert says in caught.value.message and not (tmp_path / "zoo").exists()
