"""Commands that plugins add: listed from metadata and source, each breaking for itself alone."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from agekit_testkit import check_command
from click.testing import CliRunner

from agekit._loading import OFFICIAL
from agekit.cli import agekit, groups
from agekit.errors import UnknownNameError
from agekit.kinds import KINDS
from agekit.registry import COMMANDS
from agekit.signature import describe

GOOD = '''
    """A module that counts."""
    import click

    @click.command()
    @click.option("--by", help="What to count.")
    def count(by):
        """Count faces.

        More about it.
        """
        click.echo(f"by {by}")
'''


def listed(done):
    rows = done.stdout.partition("Commands:\n")[2].splitlines()
    return dict(row.split(maxsplit=1) for row in rows if row[2:3].strip())  # the others go on


@pytest.mark.slow
def test_help_shows_a_command_without_importing_it(run_agekit, write_plugin):
    write_plugin("agekit-thrown", {"command": {"count": "thrown:count"}}, {"thrown.py": GOOD})
    write_plugin(
        "agekit-broken",
        {"command": {"fails": "broken:fails", "gone": "nowhere:gone"}},
        {"broken.py": '"""Fail."""\nprint("imported")\n1 / 0'},
        summary="A broken plugin.",
    )
    done = run_agekit("--help")
    assert (done.returncode, done.stderr) == (0, "")
    rows = listed(done)
    assert rows["count"] == "Count faces."
    assert (rows["fails"], rows["gone"]) == ("Fail.", "A broken plugin.")
    assert run_agekit("train", "--help").returncode == 0
    assert run_agekit("count", "--by", "age").stdout == "by age\n"
    for name, why in [("fails", "ZeroDivisionError"), ("gone", "No module named 'nowhere'")]:
        failed = run_agekit(name)
        assert (failed.returncode, failed.stdout.replace("imported\n", "")) == (1, "")
        assert f"command {name!r} of agekit-broken 1.0 cannot be used" in failed.stderr
        assert why in failed.stderr
        assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('@click.command(short_help="Short.")\ndef it():\n    """Long."""', "Short."),
        ('@click.group(help="Given.")\ndef it(): ...', "Given."),
        ('@click.option("--x", help="Not this.")\n@click.command()\ndef it(): ...', "Module."),
        ('it = Group(TABLE, help="Made.")', "Made."),
        ('it: object = Group(TABLE, help="Made.")', "Made."),
        ("it = Group(TABLE, help=TEXT)", "Module."),
        ('def it():\n    """Two\n    lines.\n\n    More."""', "Two lines."),
        ("from thrown_other import other as it", "Other."),
        ("def it(:", ""),
    ],
)
def test_what_a_source_says_of_a_part(write_plugin, source, line):
    write_plugin(
        "agekit-thrown",
        {"command": {"it": "thrown:it"}},
        {
            "thrown.py": f'"""Module."""\nimport click\n{source}\n',
            "thrown_other.py": 'def other():\n    """Other."""',
        },
    )
    assert describe(COMMANDS.find("it")) == line


@pytest.mark.slow
def test_a_name_that_others_have_needs_the_distribution(run_agekit, write_plugin):
    write_plugin(
        "agekit-one",
        {"command": {"count": "one:count", "train": "one:count"}},
        {"one.py": GOOD.replace("by {by}", "one")},
    )
    write_plugin("agekit-two", {"command": {"count": "two:count"}}, {"two.py": GOOD})
    rows = listed(run_agekit("--help"))
    assert {"agekit-one:count", "agekit-two:count", "agekit-one:train", "train"} <= rows.keys()
    assert "count" not in rows
    done = run_agekit("count")
    assert done.returncode == 1
    assert "'count' is given by agekit-one 1.0 and by agekit-two 1.0" in done.stderr
    assert run_agekit("agekit-one:count").stdout == "one\n"
    assert "Usage: agekit train" in run_agekit("train", "--help").stdout
    answer = json.loads(run_agekit("list", "commands", "--json").stdout)
    assert all(one["conflict"] for one in answer if one["name"] in ("count", "train"))
    assert "say agekit-one:train" in run_agekit("list", "command").stdout


def test_a_command_may_belong_to_a_group(write_plugin, monkeypatch):
    write_plugin(
        "agekit-one",
        {
            "command": {
                "data.count": "one:count",
                "zoo.info": "one:count",
                "zoo.count": "one:fails",
                "data.deep.count": "one:count",
            }
        },
        {"one.py": GOOD + "\n    @click.command()\n    def fails():\n        1 / 0\n"},
    )

    def run(*arguments):
        return CliRunner().invoke(agekit, arguments, terminal_width=200)

    assert not [name for name in listed(run("--help")) if "count" in name]
    rows = listed(run("data", "--help"))
    assert (rows["count"], rows["pack"]) == ("Count faces.", "Pack into Parquet shards.")
    assert {"agekit-one:info", "info"} <= listed(run("zoo", "--help")).keys()
    assert "deep.count" not in rows
    assert run("data", "count", "--by", "age").stdout == "by age\n"
    assert run("zoo", "agekit-one:info").stdout == "by None\n"
    failed = run("zoo", "count").exception
    assert failed.__notes__ == ["in the command 'zoo.count' of agekit-one 1.0"]
    for arguments, why in (
        (("data", "cuont"), "no command 'cuont'; did you mean 'count'"),
        (("data", "deep.count"), "no command 'deep.count'"),
        (("count",), "no command 'count'"),
        (("data.count",), "no command 'data.count'"),
        (("agekit-one:data.count",), "no command 'agekit-one:data.count'"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert why in done.stderr
    monkeypatch.setenv("AGEKIT_DISABLE_PLUGINS", "agekit-datasets")
    assert "turns that distribution off" in str(run("data", "pack").exception)


def test_a_command_of_an_official_plugin_that_is_not_here_is_told(monkeypatch):
    given = {
        name: path.parent.name
        for path in (Path(__file__).parents[2] / "plugins").glob("*/pyproject.toml")
        for name in tomllib.loads(path.read_text())["project"]
        .get("entry-points", {})
        .get("agekit.commands", ())
    }
    official = {name: giver for (kind, name), giver in OFFICIAL.items() if kind == "command"}
    assert given == official

    def get(name):
        raise UnknownNameError(name)

    monkeypatch.setattr(groups.COMMANDS, "get", get)
    for name, distribution in official.items():
        error = CliRunner().invoke(agekit, name.split("."), prog_name="agekit").exception
        assert isinstance(error, UnknownNameError)
        assert error.lines == [
            f"the command `agekit {name.replace('.', ' ')}` is not installed",
            f"  hint: pip install {distribution}",
        ]


@pytest.mark.slow
def test_unknown_unusable_and_disabled_commands(run_agekit, write_plugin):
    write_plugin(
        "agekit-thrown",
        {"command": {"count": "thrown:count", "number": "thrown:number", "plain": "thrown:plain"}},
        {"thrown.py": GOOD + "\n    number = 7\n    def plain(): ...\n"},
    )
    write_plugin("agekit-newer", {"command": {"newer": "thrown:count"}}, api=9)
    unknown = run_agekit("cuont")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "no command 'cuont'; did you mean 'count'" in unknown.stderr
    hidden = run_agekit("count", AGEKIT_DISABLE_PLUGINS="agekit-thrown")
    assert hidden.returncode == 1
    assert "AGEKIT_DISABLE_PLUGINS turns that distribution off" in hidden.stderr
    assert "count" not in listed(run_agekit("--help", AGEKIT_DISABLE_PLUGINS="agekit-thrown"))
    for name, why in [
        ("number", "no click.Command"),
        ("plain", "no click.Command"),
        ("newer", "version 9 of the plugin interface"),
    ]:
        done = run_agekit(name)
        assert (done.returncode, why in done.stderr) == (1, True), done.stderr


def test_a_traceback_says_whose_command_it_is(run_agekit, write_plugin):
    source = GOOD.replace('click.echo(f"by {by}")', "1 / 0")
    write_plugin("agekit-thrown", {"command": {"count": "thrown:count"}}, {"thrown.py": source})
    done = run_agekit("count")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("in the command 'count' of agekit-thrown 1.0")


def test_shell_completion_imports_no_command(run_agekit, write_plugin):
    write_plugin("agekit-thrown", {"command": {"counts": "thrown:counts"}}, {"thrown.py": "1 / 0"})
    done = run_agekit(_AGEKIT_COMPLETE="bash_complete", COMP_WORDS="agekit co", COMP_CWORD="1")
    assert done.stdout.split() == ["plain,convert", "plain,compare", "plain,counts"]


FLAWS = {
    "silent": ("import click\n@click.command()\ndef it(): ...", "says nothing of it"),
    "heavy": ('"""It."""\nimport click, torch\n@click.command()\ndef it(): ...', "imports torch"),
    "lenient": (
        '"""It."""\nimport click\n@click.command(context_settings={"ignore_unknown_options": True})'
        '\n@click.argument("rest", nargs=-1)\ndef it(rest): ...',
        "ends with exit code 0",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("flaw", FLAWS)
def test_the_check_of_commands_finds_flaws(write_plugin, monkeypatch, flaw):
    source, said = FLAWS[flaw]
    site = write_plugin("agekit-thrown", {"command": {"it": "thrown:it"}}, {"thrown.py": source})
    monkeypatch.setenv("PYTHONPATH", str(site))
    with pytest.raises(AssertionError, match=said):
        check_command("it")


def test_the_check_passes_what_is_right_and_refuses_a_name_of_agekit(write_plugin, monkeypatch):
    names = ("count", "data.count", "train", "zoo.info", "recipe.count", "dota.count")
    points = {"command": dict.fromkeys(names, "thrown:count")}
    site = write_plugin("agekit-thrown", points, {"thrown.py": GOOD})
    monkeypatch.setenv("PYTHONPATH", str(site))
    check_command("count")
    check_command("agekit-thrown:data.count")
    for name, said in (
        ("train", "a command 'train' of its own"),
        ("zoo.info", "`agekit zoo agekit-thrown:info` only"),
        ("recipe.count", "no group of commands 'recipe'"),
        ("dota.count", "no group of commands 'dota'"),
    ):
        with pytest.raises(AssertionError, match=said):
            check_command(f"agekit-thrown:{name}")


def test_a_new_command_is_not_called_as_one_of_agekit(run_agekit):
    done = run_agekit("plugins", "new", "train", "--part", "command")
    assert (done.returncode, "'train' of its own" in done.stderr) == (1, True)
    assert "command" in KINDS
