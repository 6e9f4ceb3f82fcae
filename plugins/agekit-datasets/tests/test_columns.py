from __future__ import annotations

import pytest
from agekit_datasets.own.columns import choose

from agekit.data.columns import check_columns
from agekit.errors import ConfigError, DataError

PATHS = ["path", "file_name", "filename", "File Name", "FILENAME", "img_path", "image_path"]
PATHS += ["filepath", "file-path", "file", "image", "img_name", "ImageName", "photo", "image_id"]
AGES = ["age", "AGE", "real_age", "age_years", "Age (years)", "apparent_age", "label", "age_group"]
PEOPLE = ["identity", "person_id", "PersonID", "subject_id", "subject", "id", "identity id"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("age", AGES)
def test_usual_names(path: str, age: str) -> None:
    assert choose([path, age], "x.csv").index == {"path": 0, "age": 1}


@pytest.mark.parametrize("person", PEOPLE)
def test_usual_names_of_people(person: str) -> None:
    chosen = choose(["Sex", "Ethnicity", person, "subset", "std", "path", "age"], "x.csv")
    fields = ("gender", "group", "identity", "split", "sigma", "path", "age")
    assert chosen.index == {field: k for k, field in enumerate(fields)}
    assert chosen.notes == ()


def test_what_is_not_used_is_told() -> None:
    header = ["path", "age", "glasses", "", "pose"]
    assert choose(header, "x.csv").notes == ("x.csv: 2 columns are not used: glasses, pose",)


@pytest.mark.parametrize(
    ("header", "field", "index", "note"),
    [
        ("path file_name age", "path", 0, "path is taken for the path, not file_name"),
        ("image file_name age", "path", 1, "file_name is taken for the path, not image"),
        ("id path age person_id", "identity", 3, "person_id is taken for the identity, not id"),
        ("path apparent_age age", "age", 2, "age is taken for the age, not apparent_age"),
        ("path label real_age", "age", 2, "real_age is taken for the age, not label"),
        ("path label", "age", 1, "label is taken for the age"),
    ],
)
def test_one_of_several_is_told(header: str, field: str, index: int, note: str) -> None:
    chosen = choose(header.split(), "x.csv")
    assert chosen.index[field] == index
    assert note in chosen.notes[0]


@pytest.mark.parametrize("header", ["path real_age apparent_age", "path age Age"])
def test_ages_are_not_chosen_between(header: str) -> None:
    with pytest.raises(DataError, match="2 columns may be the age") as caught:
        choose(header.split(), "x.csv")
    assert "--columns age=" in caught.value.hint


def test_the_user_says_which() -> None:
    header = ["path", "shot", "age", "y"]
    chosen = choose(header, "x.csv", asked={"path": "SHOT", "age": "y"})
    assert chosen.index == {"path": 1, "age": 3}
    assert chosen.notes == ("x.csv: 2 columns are not used: path, age",)


def test_what_the_user_says_has_to_be_there() -> None:
    with pytest.raises(DataError, match=r"no column 'shots', as named for path; .*mean 'shot'"):
        choose(["shot", "age"], "x.csv", asked={"path": "shots"})
    with pytest.raises(ConfigError, match="no column 'paht' to name; did you mean 'path'"):
        check_columns({"paht": "x"})


def test_the_hint_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"no column path; found: pic_url, age") as caught:
        choose(["pic_url", "age"], "x.csv")
    assert "--columns path=COLUMN" in caught.value.hint
