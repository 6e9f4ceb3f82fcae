from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.wiki_aginggan import WIKIAgingGAN
from PIL import Image

from agekit.data.split import load_faces
from agekit.errors import DataError

_SPEC = spec_from_file_location("wiki_rows", Path(__file__).parent / "test_imdb_wiki.py")
assert _SPEC is not None and _SPEC.loader is not None
imdb_wiki = module_from_spec(_SPEC)
_SPEC.loader.exec_module(imdb_wiki)
row, born, NAN = imdb_wiki.row, imdb_wiki.born, imdb_wiki.NAN


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGEKIT_CACHE", str(tmp_path / "cache"))


def person(name: str, year: int, **labels: object) -> dict[str, object]:
    """Somebody whose photo is of the year 2000."""
    return row(f"00/{name}.jpg", dob=born(year, 12, 31), name=name, face_score=3.1, **labels)


ROWS = [
    *(person(f"young{i}", 1980 - i % 10, gender=i % 2) for i in range(12)),
    *(person(f"old{i}", 1950 - i % 10) | {"face_score": 1.1} for i in range(10)),
    person("two-faces", 1975, second_face_score=2.0),
    person("who", 1975, gender=NAN),
    person("grey", 1975),
    person("grey3", 1975),
    person("sepia", 1975),
    person("small", 1975),
    person("narrow", 1975),
    person("bytes", 1975),
    person("damaged", 1975),
    person("young-blurred", 1975) | {"face_score": 3.0},
    person("old-blurred", 1945) | {"face_score": 1.0},
    person("no-face", 1975) | {"face_score": -np.inf},
    person("teen", 1981),
    person("thirty", 1970),
    person("sixty", 1940),
]


def picture(path: Path, size: tuple[int, int], seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(pixels).save(path, quality=95)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "wiki_crop"
    imdb_wiki.write_mat(folder / "wiki.mat", "wiki", ROWS)
    for seed, r in enumerate(ROWS):
        small = {"small": (179, 90), "narrow": (90, 180)}
        size = small.get(r["name"], (200, 190))
        picture(folder / r["full_path"], size, seed)
    grey = Image.open(folder / "00/grey.jpg").convert("L")
    grey.save(folder / "00/grey.jpg")
    Image.merge("RGB", [grey] * 3).save(folder / "00/grey3.jpg")
    tinted = [grey, grey.point(lambda v: v * 0.9), grey.point(lambda v: v * 0.7)]
    Image.merge("RGB", tinted).save(folder / "00/sepia.jpg")
    Image.new("RGB", (200, 200), "red").save(folder / "00/bytes.jpg")
    (folder / "00/damaged.jpg").write_bytes(b"\xff\xd8\xff" + bytes(3000))
    return tmp_path / "data"


KEPT = {
    *(f"young{i}" for i in range(12)),
    *(f"old{i}" for i in range(10)),
    *("two-faces", "who", "sepia", "small", "narrow", "damaged"),
}


def test_the_faces_are_those_the_authors_chose(root: Path) -> None:
    """Born on the last day of 1980 and photographed in 2000: 20 years, as months do not count."""
    table = WIKIAgingGAN().read(root)
    names = [Path(table.images.name(i)).stem for i in range(len(table))]
    assert set(names) == KEPT
    assert table.group_names == ("A", "B")
    old = [name.startswith("old") for name in names]
    assert (table.group == old).all()
    assert sorted(set(table.age[np.array(old)])) == list(range(50, 60))
    assert sorted(set(table.age[~np.array(old)])) == list(range(20, 30))
    assert table.gender[names.index("who")] == 1, "not known to be a man"


def test_what_is_left_out_or_guessed_is_told(root: Path) -> None:
    table = WIKIAgingGAN().read(root)
    told = {problem.detail.split(";")[0]: problem for problem in table.problems}
    assert set(told) == {
        "the age is neither 20 to 29 nor 50 to 59",
        "no face was found",
        "the score of the young face is not above 3",
        "the score of the old face is not above 1",
        "the file is not larger than 2,048 bytes",
        "the picture is grey",
        "below 180 pixels both ways: not trained on",
        "not known to be a man: counts as a woman",
    }
    assert told["the picture is grey"].detail.endswith("left out with 1 more")
    assert told["the age is neither 20 to 29 nor 50 to 59"].detail.endswith(
        "2 more rows of wiki.mat"
    )
    assert [p.kept for p in told.values()].count(True) == 2


def test_small_pictures_are_tested_on_and_not_trained_on(root: Path) -> None:
    faces = load_faces("wiki-aginggan", root)
    assert faces.protocol == "wiki-aginggan:aginggan"
    names = [Path(faces.table.images.name(i)).stem for i in range(len(faces.table))]
    assert faces.codes[names.index("small")] in (-1, 2)
    assert set(np.delete(faces.codes, names.index("small"))) <= {0, 2}


@pytest.mark.slow
def test_5_percent_are_to_test_on(tmp_path: Path) -> None:
    """Of 400, between 8 and 36, whatever the hash."""
    rows = [person(f"p{i}", 1975 - 30 * (i % 2)) for i in range(400)]
    folder = tmp_path / "data" / "wiki_crop"
    imdb_wiki.write_mat(folder / "wiki.mat", "wiki", rows)
    for seed, r in enumerate(rows):
        picture(folder / r["full_path"], (24, 180), seed)
    faces = load_faces("wiki-aginggan", tmp_path / "data")
    assert 8 <= (faces.codes == 2).sum() <= 36
    assert (faces.codes == 0).sum() + (faces.codes == 2).sum() == 400


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "wiki_crop"
    imdb_wiki.write_mat(folder / "wiki.mat", "wiki", [person("a", 1975)])
    picture(folder / "00/a.jpg", (8, 8), 0)
    with pytest.raises(DataError, match="no picture of wiki-aginggan is left"):
        WIKIAgingGAN().read(tmp_path / "data")
