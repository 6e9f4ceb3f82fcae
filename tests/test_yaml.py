from __future__ import annotations

from pathlib import Path

import pytest

from agekit._paths import expand_user
from agekit._yaml import parse_yaml, read_yaml
from agekit.errors import ConfigError

BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[" * 200_000, "nested more than 50 deep"),
        ("- " * 100_000, "nested more than 50 deep"),
        ("a0: &a0 []\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60)), "50 deep"),
        (BOMB, "aliases, written out, make it too large"),
        (BOMB.replace("[x]", "{x: 1}").replace("[*", "{<<: [*").replace("]", "]}"), "aliases"),
        ("a" * 300_000, "more than 250,000 characters"),
        ("a: 2024-99-99", "'2024-99-99' cannot be used as a date in line 1, column 4"),
        ("a:\n- !!int abc", "'abc' cannot be used as a whole number in line 2, column 3"),
        ("!!bool perhaps", "cannot be used as true or false"),
        ("1" * 5000, r"'1{40}\.\.\.' cannot be used as a whole number"),
        ("0x" + "f" * 40, "cannot be used as a whole number"),
        ("a: 1\nb: {c: 1, 'c': 2}", "the key 'c' is there twice in line 2, column 11"),
        ("? [a]\n: 1", "unhashable key"),
        ("a: *b", "undefined alias"),
        ("a: \ud800", "surrogates not allowed"),
        ("!!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_what_is_no_plain_data_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_yaml(text)
    assert "\n" not in str(caught.value)


def test_keys_may_override_what_is_merged_in_any_order() -> None:
    text = "x: {y: {z: &b {<<: &a {k: 1, m: 1}, k: 2}}}\nc: {<<: *b, k: 3}\nd: {k: 4, <<: [*a, *b]}"
    assert parse_yaml(text) == {
        "x": {"y": {"z": {"k": 2, "m": 1}}},
        "c": {"k": 3, "m": 1},
        "d": {"k": 4, "m": 1},
    }


def test_ordinary_values_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: [1, 2.5, yes, null, 'x']\n")
    assert read_yaml(path, "no") == {"a": [1, 2.5, True, None, "x"]}


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\n")
    for name, why in (
        ("none.yaml", "No such file or directory"),
        ("a\0b", "embedded null byte"),
        ("latin.yaml", "'utf-8' codec can't decode"),
        (".", "Is a directory"),
    ):
        with pytest.raises(ConfigError, match=f"cannot read this: {why}"):
            read_yaml(tmp_path / name, "cannot read this")


def test_home_folders_are_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert expand_user("~/x") == Path("/home/me/x") and expand_user(Path("x")) == Path("x")
    with pytest.raises(ConfigError, match="~nobody-of-that-name/x: the home folder"):
        expand_user("~nobody-of-that-name/x")
