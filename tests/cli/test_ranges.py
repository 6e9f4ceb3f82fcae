"""Numbers of options: none is NaN."""

from __future__ import annotations

import click
import pytest

from agekit.cli import main
from agekit.cli.options import FloatRange


def commands(group: click.Group, context: click.Context):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, context)
        elif command is not None:
            yield command


def test_every_range_of_every_command_refuses_nan() -> None:
    from agekit.cli import agekit

    found = 0
    for command in commands(agekit, click.Context(agekit)):
        for option in command.params:
            if isinstance(option.type, click.FloatRange):
                found += 1
                assert isinstance(option.type, FloatRange), (command.name, option.name)
    assert found >= 8


@pytest.mark.parametrize("value", ["nan", "NaN", "-nan"])
def test_it_is_wrong_usage(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(("evaluate", "MODEL", "synthfaces", f"--abstain={value}"))
    assert left.value.code == 2 and "--abstain" in capsys.readouterr().err
