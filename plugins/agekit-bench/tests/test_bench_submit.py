from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from agekit_bench.result import Result
from agekit_bench.submit import add, check, known_results
from agekit_testkit.results import draw_faces, write_made_result

from agekit.data.digests import hash_file

FACES = draw_faces(120, people=40)
GUESS = FACES.age + np.linspace(-6, 8, 120)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def made(tmp_path):
    """A result as somebody would send it."""
    return send(tmp_path / "sent", "CEN", "cen-resnet10-tiny")


def send(folder, row, recipe_name, faces=FACES, **changes):
    changes = {"subject_exclusive": True} | changes
    return write_made_result(folder, row, recipe_name, faces, [GUESS], **changes)


def edited(path, **changes):
    """The result with other values, by their dotted keys."""
    data = json.loads(path.read_text())
    for dotted, value in changes.items():
        place = data
        *keys, last = dotted.split("__")
        for key in keys:
            place = place[int(key) if key.isdigit() else key]
        place[last] = value
    path.write_text(json.dumps(data))
    return path


def with_faces(path, change):
    """The result with other predictions, whose hash it has."""
    file = path.with_suffix(".parquet")
    table = change(pq.read_table(file))
    pq.write_table(table, file)
    return edited(path, predictions__sha256=hash_file(file), predictions__rows=table.num_rows)


def replaced(table, name, values):
    field = table.schema.field(name)
    return table.set_column(table.schema.get_field_index(name), field, pa.array(values, field.type))


def reasons(path, folder):
    return " | ".join(check(path, folder, known_results(folder)).reasons)


def test_a_good_one_is_accepted_and_copied_with_its_faces(made, folder):
    verdict = check(made, folder, {})
    assert verdict.reasons == []
    (target,) = add([verdict])
    assert target == folder / "made/synthfaces_default/cen-resnet10-tiny/seed-0.json"
    assert target.read_bytes() == made.read_bytes()
    assert hash_file(target.with_suffix(".parquet")) == hash_file(made.with_suffix(".parquet"))
    assert "there is a result of this cell already" in reasons(made, folder)


def test_what_a_person_should_look_at(made, folder):
    remarks = check(edited(made, code=None, machine=None), folder, {}).remarks
    assert "no commit of agekit is told" in remarks
    assert "no machine is told" in remarks
    assert "the suite made is not known here" in remarks


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"evaluations__0__metrics__mae": 1.25}, "metrics.mae is 1.2500, by the predictions"),
        ({"evaluations__0__metrics__ca5": 0.99}, "metrics.ca5 is 0.9900"),
        ({"evaluations__0__metrics__epsilon": 0.01}, "metrics.epsilon: it cannot be computed"),
        ({"evaluations__0__metrics__luck@reg": 1.0}, "metrics.luck@reg: it cannot be computed"),
        ({"evaluations__0__by": {"gender": {"male": {"mae": 1.0}}}}, "by.gender.male.mae is 1.0"),
        ({"evaluations__0__by": {"group": {"D": {"mae": 1.0}}}}, "there is no such face"),
        ({"evaluations__0__n": 7}, "7 faces are told, the predictions have 120"),
        ({"evaluations__0__generation": 2}, "the predictions have no face of"),
        ({"predictions__sha256": "0" * 64}, "its hash differs"),
        ({"predictions__rows": 5}, "120 rows, not 5"),
        ({"predictions": None}, "has no predictions"),
        ({"recipe_hash": "0" * 64}, "it is not that of the recipe"),
        ({"recipe__init": "/home/somebody/model"}, "looks like a path of a machine"),
        ({"facts__initialisation": "C:\\models\\x"}, "looks like a path of a machine"),
        ({"row": "data:image/png;base64,AAAA"}, "looks like a path of a machine or a picture"),
        ({"recipe__picture": "A" * 5000}, "a text of 5000 letters"),
        ({"suite": "../elsewhere"}, "is no name"),
        ({"suite": "a/b"}, "is no name"),
        (dict.fromkeys(("protocol", "evaluations__0__protocol"), "a:../../b"), "is no name"),
        ({"suite": "runs"}, "is no name"),
        ({"suite": "a" * 300}, "is no name"),
        ({"row": "CEN \u202e"}, "letters that cannot be seen"),
        ({"seed": 3}, "it has to be called seed-3.parquet"),
        ({"seed": 10**40}, "is not a valid result: seed"),
        ({"wall_seconds__train": -1.0}, "is not a valid result: wall_seconds.train"),
        ({"parameters": 0}, "0 is no number of parameters"),
        ({"parameters": 10**400}, "is not a valid result: parameters"),
        ({"kind": "ager"}, "an ager has no predictions"),
        ({"kind": "ager", "predictions": None}, "metrics.mae is no figure of an ager"),
        ({"colour": "green"}, "is not a valid result: colour"),
        ({"schema_version": 2}, "is not a valid result: schema_version"),
    ],
)
def test_what_does_not_agree_is_refused_with_the_reason(made, folder, changes, reason):
    assert reason in reasons(edited(made, **changes), folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.append_column("path", pa.array(["a.jpg"] * 120)), "the column 'path' too"),
        (lambda t: t.drop_columns(["low"]), "has no column low"),
        (lambda t: t.append_column("age", t["age"]), "the column 'age' too"),
        (lambda t: t.set_column(3, "age", t["age"].cast(pa.float64())), "is double, not float"),
        (lambda t: replaced(t, "group", ["A" * 10**6] * 120), "texts of more than 200 bytes"),
        (lambda t: replaced(t, "key", [f"face-{i}.jpg" for i in range(120)]), "no content key"),
        (lambda t: replaced(t, "identity", ["a/b.jpg"] * 120), "is no identity"),
        (lambda t: replaced(t, "estimate", t["age"].to_pylist()), "the true ages themselves"),
        (lambda t: replaced(t, "estimate", [30.0] * 120), "every face has the same estimate"),
        (lambda t: replaced(t, "estimate", [float("nan")] * 120), "'estimate' that is no number"),
        (lambda t: replaced(t, "age", [200.0] * 120), "true ages outside 0 to 120"),
        (lambda t: replaced(t, "high", [-50.0] * 120), "lower end is above the upper one"),
        (lambda t: t.slice(0, 100), "120 faces are told, the predictions have 100"),
        (lambda t: t.replace_schema_metadata({"note": "hello"}), "carry metadata"),
    ],
)
def test_predictions_that_cannot_be_believed_are_refused(made, folder, change, reason):
    assert reason in reasons(with_faces(made, change), folder)


def test_another_split_or_other_faces_under_a_known_split_are_refused(made, tmp_path, folder):
    add([check(made, folder, {})])
    other = send(tmp_path / "b", "LDL", "ldl-resnet10-tiny", split_hash="f" * 16)
    assert "is 0123456789abcdef here, not ffffffffffffffff" in reasons(other, folder)
    strange = draw_faces(120, seed=9)
    third = send(tmp_path / "c", "LDL", "ldl-resnet10-tiny", strange)
    assert "its faces or their true ages are not those of" in reasons(third, folder)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda t: replaced(t, "sigma", [9.0] * 120), "sigma"),
        (lambda t: replaced(t, "identity", [str(i) for i in range(120)]), "identity"),
        (lambda t: replaced(t, "identity", [None] * 120), "identity"),
        (lambda t: replaced(t, "gender", ["male"] * 120), "gender"),
        (lambda t: replaced(t, "group", ["A"] * 120), "group"),
    ],
)
def test_known_faces_are_not_told_otherwise(made, tmp_path, folder, change, name):
    add([check(made, folder, {})])
    other = send(tmp_path / "b", "LDL", "ldl-resnet10-tiny")
    assert f"the column {name} is not that of" in reasons(with_faces(other, change), folder)


def test_people_may_be_called_otherwise(made, tmp_path, folder):
    add([check(made, folder, {})])
    other = send(tmp_path / "b", "LDL", "ldl-resnet10-tiny")
    renamed = with_faces(
        other, lambda t: replaced(t, "identity", [f"p{i}" for i in t["identity"].to_pylist()])
    )
    assert reasons(renamed, folder) == ""


def test_a_row_of_a_known_suite_is_of_its_recipe(tmp_path, folder):
    for label, recipe, is_told in (
        ("CEN", "cen-resnet10-tiny", False),
        ("CEN", "cen-resnet18", True),
        ("LDL (one-hot)", "ldl-reg-resnet10-tiny", True),
    ):
        path = send(tmp_path / recipe, label, recipe, suite="methods")
        remarks = check(path, folder, {}).remarks
        assert any("is of the recipe" in remark for remark in remarks) == is_told


def test_what_is_said_of_a_file_writes_nothing_else_on_a_terminal(made, folder):
    path = edited(made, evaluations__0__by={"gender": {"\x1b[2Jmale": {"mae": 1.0}}})
    assert "\x1b" not in reasons(path, folder)
    path = edited(made, **{"\x1b[2J": 1})
    assert "\x1b" not in reasons(path, folder)


def test_a_failed_cell_is_nothing_to_add(made, folder):
    changes = {"status": "failed", "error": {"kind": "memory", "message": "too much"}}
    data = json.loads(made.read_text()) | changes
    made.write_text(Result(**data).model_dump_json())
    assert "there is nothing to add" in reasons(made, folder)


def test_all_reasons_are_told_at_once(made, folder):
    found = check(edited(made, parameters=0, recipe_hash="0" * 64, seed=4), folder, {}).reasons
    assert len(found) == 3


def test_what_is_no_result_at_all(tmp_path, folder):
    path = tmp_path / "seed-0.json"
    path.write_text("[1, 2")
    assert "is not a valid result" in reasons(path, folder)
    assert "cannot be read" in reasons(tmp_path / "none.json", folder)
