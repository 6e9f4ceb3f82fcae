from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

FORBIDDEN = ("torch", "timm", "mmengine", "numpy", "agekit_", "thrown")


def test_json_has_every_part_of_a_plugin(run_agekit, write_plugin):
    write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}}, {"thrown.py": "1 / 0"}, "2.3")
    done = run_agekit("list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert {
        "kind": "loss",
        "name": "a",
        "distribution": "agekit-thrown",
        "version": "2.3",
        "conflict": False,
    } in found
    assert {"backbone", "dataset", "evolver"} <= {part["kind"] for part in found}


@pytest.mark.parametrize("kind", ["loss", "losses"])
def test_one_kind_in_either_number(run_agekit, write_plugin, kind):
    write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}})
    done = run_agekit("list", kind, "--json")
    assert {part["kind"] for part in json.loads(done.stdout)} == {"loss"}


def test_table_groups_by_kind_and_marks_trouble(run_agekit, write_plugin):
    write_plugin("agekit-one", {"loss": {"twice": "one:A"}})
    write_plugin("agekit-two", {"loss": {"twice": "two:A"}})
    write_plugin("agekit-new", {"loss": {"newer": "new:A"}}, api=9)
    write_plugin("agekit-off", {"loss": {"off": "off:A"}})
    done = run_agekit("list", AGEKIT_DISABLE_PLUGINS="agekit-off")
    lines = [line.strip() for line in done.stdout.splitlines()]
    kinds = ["backbones", "heads", "losses", "datasets", "evolvers", "recipes"]
    assert [line for line in lines if line in kinds] == kinds
    assert any(line.endswith("conflict: say agekit-two:twice") for line in lines)
    assert any("written for plugin interface 9" in line for line in lines)
    assert any(line.startswith("timm/<model>") for line in lines)
    assert not any(line.startswith("off ") for line in lines)
    assert done.stderr == "disabled by AGEKIT_DISABLE_PLUGINS: agekit-off\n"


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(("list", "heds"), "did you mean 'heads'"), (("lsit",), "did you mean 'list'")],
)
def test_wrong_usage_exits_2_and_names_the_nearest(run_agekit, arguments, meant):
    done = run_agekit(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert meant in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_kind_is_told_the_kinds(run_agekit):
    done = run_agekit("list", "judges")
    assert "no kind 'judges'. Kinds: backbones, " in done.stderr


@pytest.mark.parametrize(("no_color", "plain"), [("1", True), ("", False)])
def test_no_color_is_heeded_on_a_terminal(no_color, plain):
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "agekit", "list", "heads"],
        env={**os.environ, "NO_COLOR": no_color},
        stdout=theirs,
        check=True,
    )
    os.close(theirs)
    with open(ours, "rb", 0) as terminal:
        assert (b"\x1b" not in terminal.read(4096)) == plain


def test_help_lists_the_commands(run_agekit):
    done = run_agekit("--help")
    assert done.returncode == 0
    for command in ("list", "plugins", "recipe", "train", "evaluate", "predict"):
        assert f"\n  {command} " in done.stdout


def test_version_of_the_installed_script():
    script = Path(sys.executable).with_name("agekit")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("agekit ")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["list"], ["plugins", "list"]])
def test_light_commands_import_nothing_heavy(write_plugin, arguments):
    site = write_plugin("agekit-thrown", {"loss": {"a": "thrown:A"}}, {"thrown.py": ""})
    program = (
        "import sys\nfrom agekit.cli import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    modules = done.stderr.split()
    assert "click" in modules
    assert not [name for name in modules if name.startswith(FORBIDDEN)]


def test_help_and_wrong_usage_of_any_command_wait_for_nothing_heavy():
    program = (
        "import sys\nfrom importlib import import_module\nfrom agekit.cli import agekit\n"
        "places = list(agekit.table.values())\n"
        "for place in places:\n"
        "    table = getattr(place, 'table', None)\n"
        "    if table is None: import_module(place.module)\n"
        "    else: places.extend(table.values())\n"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    modules = {name.partition(".")[0] for name in done.stdout.split()}
    assert "agekit" in modules
    assert not modules & {"torch", "timm", "mmengine", "matplotlib", "pyarrow"}


FAILING = """
import errno, sys
import click
from agekit import cli
from agekit.errors import AgekitError

@click.command()
@click.argument("how")
def fail(how):
    click.echo("before")
    if how == "agekit":
        raise AgekitError("it is wrong", "mend it")
    if how == "file":
        open("/nowhere/at/all")
    if how == "disk":
        raise OSError(errno.ENOSPC, "No space left on device", "weights.safetensors")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "ask":
        click.prompt("really?")

cli.agekit.get_command = lambda context, name: fail
cli.agekit.table["fail"] = None
cli.main(["fail", sys.argv[1]])
"""


ROOM = "  hint: free some space, or write to another disk; TMPDIR and AGEKIT_CACHE say where to"


@pytest.mark.parametrize(
    ("how", "code", "stderr"),
    [
        ("agekit", 1, "error: it is wrong\n  hint: mend it"),
        ("file", 1, "error: No such file or directory: /nowhere/at/all"),
        ("disk", 1, f"error: No space left on device: weights.safetensors\n{ROOM}"),
        ("interrupt", 130, "error: interrupted"),
        ("ask", 1, "error: input ended before it was answered"),
        ("nothing", 0, ""),
    ],
)
def test_errors_are_one_line_and_a_code(how, code, stderr):
    done = subprocess.run(
        [sys.executable, "-c", FAILING, how],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.strip()) == (code, stderr)


def test_debug_shows_the_traceback():
    done = subprocess.run(
        [sys.executable, "-c", FAILING, "agekit"],
        env={**os.environ, "AGEKIT_DEBUG": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "error: it is wrong" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and devices")
@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"]])
def test_closed_pipe_and_full_disk(arguments):
    command = [sys.executable, "-m", "agekit", *arguments]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")
    if Path("/dev/full").exists():
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
            )
        assert (done.returncode, done.stderr) == (1, f"error: No space left on device\n{ROOM}\n")
