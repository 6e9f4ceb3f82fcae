from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from agekit.cli import dataset_options, options, output


@dataclass
class Score:
    mae: float
    n: int


def test_json_is_one_valid_document(capsys):
    document = {
        "path": Path("a") / "b.png",
        "score": Score(float("nan"), 3),
        "ages": np.arange(3),
        "age": np.float32(2.5),
        7: (True, None, float("inf")),
    }
    output.emit_json(document)
    assert json.loads(capsys.readouterr().out) == {
        "path": str(Path("a") / "b.png"),
        "score": {"mae": None, "n": 3},
        "ages": [0, 1, 2],
        "age": 2.5,
        "7": [True, None, None],
    }


def test_chatter_goes_to_stderr_only_with_json(capsys):
    for as_json in (True, False):
        with output.only_json_on_stdout(as_json):
            print("chatter")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("chatter\n", "chatter\n")


def test_table_takes_brackets_literally_and_folds_nothing_into_a_pipe(capsys):
    output.print_table(["name", "mae"], [["[bold]" + "x" * 200, 1.5], ["b", None]])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["[bold]" + "x" * 200, "1.5"]
    assert len(lines) == 3


@click.command()
@options.json_option
@options.device_option
@options.seed_option
@dataset_options.root_option
@dataset_options.protocol_option
@dataset_options.split_option
@options.set_option
@options.out_option
def command(**given):
    click.echo(repr(given))


def test_shared_options_and_their_defaults():
    done = CliRunner().invoke(command, [])
    assert done.output.strip() == repr(
        {
            "as_json": False,
            "device": "auto",
            "seed": 0,
            "root": None,
            "protocol": None,
            "split": "test",
            "settings": (),
            "out": None,
        }
    )
    done = CliRunner().invoke(command, ["--device", "cuda:1", "--set", "a.b=c=d", "--set", "e="])
    assert "'device': 'cuda:1'" in done.output
    assert "'settings': ('a.b=c=d', 'e=')" in done.output


@pytest.mark.parametrize(
    "arguments",
    [["--device", "gpu"], ["--device", "cuda:"], ["--seed", "-1"], ["--set", "a"], ["--set", "=1"]],
)
def test_wrong_options_are_wrong_usage(arguments):
    assert CliRunner().invoke(command, arguments).exit_code == 2
