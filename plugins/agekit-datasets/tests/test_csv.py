from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from agekit_datasets.own.readers import Csv

from agekit.data.split import load_faces
from agekit.data.table import FaceTable
from agekit.errors import ConfigError, DataError

WriteImage = Callable[..., Path]


@pytest.fixture
def root(tmp_path: Path, write_image: WriteImage) -> Path:
    for i, name in enumerate(("a.png", "b.png", "sub/c.png", "jürgen d.png")):
        write_image(tmp_path / "set" / name, seed=i)
    return tmp_path / "set"


def read(root: Path, text: str, encoding: str = "utf-8") -> FaceTable:
    (root / "ages.csv").write_bytes(text.encode(encoding))
    return Csv().read(root)


def names(table: FaceTable) -> list[str]:
    return [table.images.name(i) for i in range(len(table))]


FULL = (
    "Image,Age,STD,Subject,Gender,Race,Split\n"
    "a.png,20,1.5,anna,F,asian,train\n"
    "b.png,30.5,,bob,male,white,valid\n"
    "./sub/c.png,40,2,anna,1,asian,test\n"
    "jürgen d.png,50,,,,,\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_column_in_every_dialect(
    root: Path, encoding: str, ends: str, delimiter: str
) -> None:
    table = read(root, FULL.replace("\n", ends).replace(",", delimiter), encoding)
    assert names(table) == ["a.png", "b.png", "sub/c.png", "jürgen d.png"]
    assert table.age.tolist() == [20, 30.5, 40, 50]
    np.testing.assert_array_equal(table.sigma, np.array([1.5, np.nan, 2, np.nan], np.float32))
    anna, bob, again, unknown = table.identity.tolist()
    assert anna == again != bob
    assert unknown == -1
    assert min(anna, bob) >= 0
    assert table.gender.tolist() == [1, 0, 1, -1]
    assert table.group_names == ("asian", "white")
    assert table.group.tolist() == [0, 1, 0, -1]
    assert table.split.tolist() == [0, 1, 2, -1]
    assert table.problems == ()


def test_the_file_itself_may_be_the_root(root: Path) -> None:
    (root / "one.csv").write_text("path,age\na.png,20\n")
    (root / "two.csv").write_text("path,age\nb.png,30\n")
    assert load_faces("csv", root / "two.csv").table.age.tolist() == [30]
    with pytest.raises(DataError, match=r"expected one csv, found: one\.csv, two\.csv"):
        load_faces("csv", root)


def test_rows_that_will_not_do_are_named(root: Path) -> None:
    table = read(
        root,
        "path,age,gender,split,sigma\n"
        "a.png,20,x,half,-3\n"
        "a.png,21,,,\n"
        "gone.png,22,,,\n"
        ",23,,,\n"
        "b.png,-1,,,\n"
        "sub/c.png\n"
        "\n"
        "jürgen d.png,old,,,\n",
    )
    assert names(table) == ["a.png"]
    assert (table.gender[0], table.split[0], np.isnan(table.sigma[0])) == (-1, -1, True)
    assert [(p.kind, p.name) for p in table.problems] == [
        ("sigma", "a.png"),
        ("gender", "a.png"),
        ("split", "a.png"),
        ("duplicate", "a.png"),
        ("missing", "gone.png"),
        ("path", "ages.csv line 5"),
        ("age", "jürgen d.png"),
        ("age", "b.png"),
        ("age", "sub/c.png"),
    ]


@pytest.mark.parametrize("age", ["-1", "300", "NaN", "", "nan", "NA"])
def test_ages_that_are_none(root: Path, age: str) -> None:
    table = read(root, f"path,age\na.png,20\nb.png,{age}\n")
    assert names(table) == ["a.png"]
    assert [(p.kind, p.name) for p in table.problems] == [("age", "b.png")]


def test_decimal_commas(root: Path) -> None:
    assert read(root, "path;age\na.png;20,5\n").age.tolist() == [20.5]


@pytest.mark.parametrize(
    "text",
    [
        "path age\na.png 20\n",
        "path  age\na.png   20\n",
        "sep=;\npath;age\na.png;20\n",
        "\n\npath,age\na.png,20\n",
        'path,age\n"a.png","20"\n',
        "Path | Age\na.png | 20\n",
    ],
)
def test_more_dialects(root: Path, text: str) -> None:
    table = read(root, text)
    assert (names(table), table.age.tolist(), table.problems) == (["a.png"], [20], ())


def test_ranges_have_a_sigma_unless_one_is_given(root: Path) -> None:
    table = read(root, 'path,age,std\na.png,"(20, 29)",\nb.png,60+,3\nsub/c.png,25,\n')
    assert table.age.tolist() == [24.5, 80, 25]
    widths = np.array([9 / 12**0.5, 3, np.nan], np.float32)
    np.testing.assert_array_equal(table.sigma, widths)
    assert "2 ages are ranges" in table.notes[0]


def test_cells_that_were_not_quoted_are_told(root: Path) -> None:
    table = read(root, "path,age\na.png,20,5\nb.png,30,\n")
    assert names(table) == ["b.png"]
    assert [(p.kind, p.name) for p in table.problems] == [("cells", "a.png")]
    assert "line 2: 3 cells for 2 columns" in table.problems[0].detail


def test_dates_are_told_as_such(root: Path) -> None:
    table = read(root, "path,age\na.png,2019-05-03\nb.png,30\n")
    assert "'2019-05-03' is a date" in table.problems[0].detail


def test_json_lines_and_tables_of_splits(root: Path) -> None:
    (root / "ages.jsonl").write_text('{"file_name": "a.png", "age": 20}\n{"file_name": "b.png"}\n')
    table = Csv().read(root)
    assert (names(table), [p.name for p in table.problems]) == (["a.png"], ["b.png"])
    (root / "ages.jsonl").unlink()
    (root / "train.csv").write_text("path,age\na.png,20\n")
    (root / "test.csv").write_text("path,age\nb.png,30\n")
    assert load_faces("csv", root).codes.tolist() == [2, 0]
    (root / "test.csv").rename(root / "x.jsonl")
    for text in ("[1]", "{", '{"path": '):
        (root / "x.jsonl").write_text(text)
        with pytest.raises(DataError, match=r"x\.jsonl line 1: "):
            load_faces("csv", root / "x.jsonl")


def test_columns_by_name(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "x.csv").write_text("shot,years,mood\na.png,20,good\nb.png,30,bad\n")
    faces = load_faces("csv", root, columns={"path": "shot"})
    assert faces.table.age.tolist() == [20, 30]
    assert "1 column is not used: mood" in caplog.text
    with pytest.raises(ConfigError, match="synthfaces has no columns"):
        load_faces("synthfaces", columns={"path": "shot"})


def test_windows_and_absolute_paths(root: Path) -> None:
    table = read(root, f"path,age\nsub\\c.png,20\n{root / 'a.png'},30\n")
    assert names(table) == ["sub/c.png", "a.png"]


@pytest.mark.parametrize(
    "path", ["../x.png", "..\\x.png", "/etc/passwd", "\\\\server\\x.png", "sub/../../x.png"]
)
def test_paths_out_of_the_folder_are_refused(root: Path, path: str) -> None:
    (root.parent / "x.png").write_bytes(b"x")
    with pytest.raises(DataError, match="leads out"):
        read(root, f"path,age\na.png,20\n{path},30\n")


def test_duplicates_are_found_however_they_are_spelled(root: Path) -> None:
    text = "path;age\r\nsub/c.png;20\r\nsub\\c.png;21\r\n./sub//c.png;22\r\n"
    table = read(root, text + f"SUB/C.PNG;23\r\n{root / 'sub' / 'c.png'};24\r\n", "utf-8-sig")
    assert (names(table), table.age.tolist()) == (["sub/c.png"], [20])
    assert [(p.kind, p.name) for p in table.problems] == [("duplicate", "sub/c.png")] * 4
    assert "ages.csv line 3: named before in ages.csv line 2" in table.problems[0].detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_names_beyond_ascii_and_with_delimiters(
    root: Path, write_image: WriteImage, encoding: str
) -> None:
    for seed, name in enumerate(("Zoë/Ångström, Ünal.png", "señor;1.png")):
        write_image(root / name, seed)
    text = 'path,age\n"Zoë/Ångström, Ünal.png",20\nseñor;1.png,30\n'
    table = read(root, text, encoding)
    assert names(table) == ["Zoë/Ångström, Ünal.png", "señor;1.png"]
    assert table.problems == ()


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_links_out_of_the_folder_are_refused(
    root: Path, write_image: WriteImage, linked: str
) -> None:
    secret = write_image(root.parent / "other" / "secret.png", seed=9)
    if linked == "file":
        (root / "link.png").symlink_to(secret)
        (root / "x.csv").write_text("path,age\na.png,20\nlink.png,30\n")
        with pytest.raises(DataError, match=r"'link\.png' leads out"):
            load_faces("csv", root)
    else:
        (root / "link").symlink_to(secret.parent)
        table = read(root, "path,age\na.png,20\nlink/secret.png,30\n")
        assert names(table) == ["a.png"]
        assert [(p.kind, p.name) for p in table.problems] == [("missing", "link/secret.png")]


def test_a_folder_of_links_is_read(root: Path) -> None:
    (root.parent / "links").mkdir()
    for name in ("a.png", "b.png"):
        (root.parent / "links" / name).symlink_to(root / name)
    faces = load_faces("csv", _labelled(root.parent / "links"))
    assert (len(faces.table), faces.table.images.digests().shape) == (2, (2, 16))
    assert "2 files are links: a.png" in faces.table.notes[0]


def _labelled(folder: Path) -> Path:
    (folder / "x.csv").write_text("path,age\na.png,20\nb.png,30\n")
    return folder


def test_missing_columns_say_found_and_expected(root: Path) -> None:
    with pytest.raises(DataError, match="no column age; found: path, ages; did you mean 'ages'"):
        read(root, "path,ages\na.png,20\n")
    with pytest.raises(DataError, match="no column path and no column age; found: x, y") as caught:
        read(root, "x,y\n1,2\n")
    assert "path (or image, file, filename) and age" in caught.value.hint
    with pytest.raises(DataError, match="found: nothing"):
        read(root, "")
    with pytest.raises(DataError, match="found: imgae, age; did you mean 'imgae'"):
        read(root, "imgae,age\n1,2\n")


def test_binary_rubbish_is_refused(root: Path) -> None:
    with pytest.raises(DataError):
        read(root, "path,age\n\0\0\x01,\0\n")


def test_protocols_choose_the_column_then_people_then_bytes(root: Path) -> None:
    (root / "x.csv").write_text(FULL)
    assert load_faces("csv", root).codes.tolist() == [0, 1, 2, -1]
    (root / "x.csv").write_text("path,age,id\na.png,1,p\nb.png,2,p\nsub/c.png,3,q\n")
    codes = load_faces("csv", root).codes
    assert codes[0] == codes[1]
    (root / "x.csv").write_text("path,age\na.png,1\nb.png,2\nsub/c.png,3\n")
    faces = load_faces("csv", root)
    assert faces.protocol == "csv:auto"
    seeded = load_faces("csv", root, "seeded-80-10-10")
    assert seeded.split_hash == faces.split_hash
    with pytest.raises(DataError, match="own split"):
        load_faces("csv", root, "column")


def test_what_no_row_names_is_told(root: Path) -> None:
    (root / "labels.csv").write_text("path,age\na.png,20\n")
    table = read(root, "path,age\nb.png,20\n")
    assert names(table) == ["a.png"]
    tables, images = table.notes
    assert "tables that are not used: ages.csv" in tables
    assert "3 images are in no row, such as b.png" in images


def test_a_csv_without_a_header_says_so(root: Path) -> None:
    with pytest.raises(DataError, match=r"no column path.*found: a\.png, 25") as caught:
        read(root, "a.png,25\nb.png,30\n")
    assert "the first line has to name the columns" in caught.value.hint


def test_values_that_are_not_used_are_told(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "x.csv").write_text("path,age,sex\na.png,20,x\nb.png,30,y\n")
    load_faces("csv", root)
    assert "2 rows are read in part (gender), such as a.png: " in caplog.text


def test_ages_that_look_scaled_are_told(tmp_path: Path, write_image: WriteImage) -> None:
    for i in range(12):
        write_image(tmp_path / f"{i}.png", seed=i)
    lines = "".join(f"{i}.png,{i / 12:.2f}\n" for i in range(12))
    (note,) = read(tmp_path, f"path,age\n{lines}").notes
    assert note.startswith("all 12 ages are from 0 to 1 year")
