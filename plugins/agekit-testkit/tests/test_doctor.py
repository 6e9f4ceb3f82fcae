"""`agekit plugins doctor`: each way to fail is told, and costs nobody else."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from agekit._loading import how_to_upgrade


def doctor(run_agekit, *names, check="--no-check", **environment):
    done = run_agekit("plugins", "doctor", "--json", check, *names, **environment)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1)
    assert "Traceback" not in done.stderr
    return report["ok"], report["findings"]


@pytest.mark.slow
def test_doctor_isolates_every_way_to_fail(run_agekit, write_plugin):
    good = "def part(): ...\n"
    write_plugin(
        "agekit-thrown",
        {
            "backbone": {
                "a-good": "thrown_good:part",
                "b-crash": "thrown_crash:part",
                "c-exit": "thrown_exit:part",
                "d-raise": "thrown_raise:part",
                "e-lacks": "thrown_good:absent",
                "f-last": "thrown_good:part",
                "twice": "thrown_good:part",
            },
        },
        {
            "thrown_good.py": "print('chatter on stdout')\n" + good,
            "thrown_crash.py": "import os; os.abort()",
            "thrown_exit.py": "import os; os._exit(7)",
            "thrown_raise.py": "1 / 0",
        },
        api=None,
    )
    write_plugin("agekit-newer", {"backbone": {"newer": "thrown_good:part"}}, api=9)
    write_plugin("agekit-rival", {"backbone": {"twice": "thrown_good:part"}})
    ok, findings = doctor(run_agekit, "agekit-thrown", "agekit-newer", "agekit-rival")
    assert not ok
    found = {(f["distribution"], f["name"]): f for f in findings}
    thrown = {name: f for (giver, name), f in found.items() if giver == "agekit-thrown"}
    assert {name: f["status"] for name, f in thrown.items()} == {
        "": "warning",
        "a-good": "ok",
        "b-crash": "error",
        "c-exit": "error",
        "d-raise": "error",
        "e-lacks": "error",
        "f-last": "ok",
        "twice": "error",
    }
    assert "does not say which plugin interface" in thrown[""]["error"]
    assert "signal 6" in thrown["b-crash"]["error"]
    assert "exit status 7" in thrown["c-exit"]["error"]
    assert "ZeroDivisionError" in thrown["d-raise"]["error"]
    assert "has no 'absent'" in thrown["e-lacks"]["error"]
    assert "also given by agekit-rival 1.0" in thrown["twice"]["error"]
    assert how_to_upgrade("agekit-core") in found["agekit-newer", "newer"]["hint"]


@pytest.mark.slow
def test_doctor_tells_who_writes_rubbish_to_descriptors_that_are_not_its_own(
    run_agekit, write_plugin
):
    noisy = """
        import os
        for number in range(3, 30):
            try:
                os.write(number, {0!r})
            except OSError:
                pass
        def part(): ...
    """
    write_plugin(
        "agekit-thrown",
        {"backbone": {name: f"thrown_{name}:part" for name in "abcd"}},
        {
            "thrown_a.py": "def part(): ...",
            "thrown_b.py": noisy.format(b"rubbish"),
            "thrown_c.py": noisy.format(b"\xff\n[1]\n{}\n"),
            "thrown_d.py": "def part(): ...",
        },
    )
    ok, findings = doctor(run_agekit, "agekit-thrown")
    assert not ok
    assert [(f["name"], f["status"]) for f in findings] == [
        ("a", "ok"),
        ("b", "error"),
        ("c", "error"),
        ("d", "ok"),
    ]
    for finding in findings[1:3]:
        assert "writes to file descriptors that it did not open: b'" in finding["error"]
        assert f"backbone '{finding['name']}' of agekit-thrown 1.0" in finding["error"]


def test_doctor_tells_a_recipe_that_takes_the_place_of_another(run_agekit, write_plugin):
    write_plugin(
        "agekit-thrown",
        {"recipe": {"cen-resnet18": "thrown.recipes:r", "cen-thrown": "thrown.recipes:r"}},
        {"thrown/recipes/r.yaml": "kind: estimator\n"},
    )
    ok, findings = doctor(run_agekit, "agekit-thrown")
    assert not ok
    assert [(f["name"], f["status"]) for f in findings] == [
        ("cen-resnet18", "error"),
        ("cen-thrown", "ok"),
    ]
    assert "takes the place of the recipe 'cen' on 'resnet18'" in findings[0]["error"]


def test_doctor_is_content_with_good_plugins(run_agekit, write_plugin):
    write_plugin(
        "agekit-thrown",
        {"backbone": {"good": "thrown_good:part"}},
        {"thrown_good.py": "def part(): ..."},
    )
    ok, findings = doctor(run_agekit, "Agekit_Thrown")
    assert ok
    assert [(f["group"], f["name"], f["status"]) for f in findings] == [("backbone", "good", "ok")]
    off = {"AGEKIT_DISABLE_PLUGINS": "agekit-thrown"}
    ok, findings = doctor(run_agekit, "agekit-thrown", **off)
    assert ok
    assert [(f["name"], f["status"]) for f in findings] == [("", "disabled")]


def test_doctor_names_the_nearest_distribution(run_agekit):
    done = run_agekit("plugins", "doctor", "agekit-cor")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean 'agekit-core'" in done.stderr


@pytest.mark.slow
def test_doctor_table_shows_error_and_hint(run_agekit, write_plugin):
    write_plugin("agekit-thrown", {"recipe": {"lost": "package_of_nobody.recipes:r"}})
    done = run_agekit("plugins", "doctor", "agekit-thrown")
    assert done.returncode == 1
    assert "error: recipe 'lost' of agekit-thrown 1.0 cannot be used: no package has" in done.stdout
    assert "hint: reinstall it with" in done.stdout


CHECKED = """
    import os
    import torch
    from torch import nn
    from agekit.tasks.estimator.base import Loss

    class Good(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(3, 4)
        def forward(self, images):
            return self.net(images.mean((2, 3)))

    class Flat(Good):
        def forward(self, images):
            return super().forward(images).mean()

    class Crashes(Good):
        def __init__(self):
            os.abort()

    class Squared(Loss):
        def forward(self, raw, target, ancestor=None):
            return (raw.float() - target.unit).square().mean()

    class PerFace(Loss):
        def forward(self, raw, target, ancestor=None):
            return (raw.float() - target.unit).square()

    class Odd(Loss):
        def forward(self, raw, target, ancestor=None):
            raise TypeError("made for nothing")
"""


@pytest.mark.slow
def test_doctor_checks_every_part_and_none_costs_another(run_agekit, write_plugin):
    write_plugin(
        "agekit-thrown",
        {
            "backbone": {
                "b-crashes": "thrown:Crashes",
                "c-flat": "thrown:Flat",
                "d-good": "thrown:Good",
            },
            "loss": {"per-face": "thrown:PerFace", "squared": "thrown:Squared"},
            "recipe": {"thrown": "thrown_recipes:thrown"},
        },
        {
            "thrown.py": CHECKED,
            "thrown_recipes/thrown.yaml": """
                kind: estimator
                description: thrown
                backbone: {type: d-good}
                heads: {reg: {type: regression}}
                evolver:
                  type: single
                  losses: [{type: squared, head: reg}, {type: per-face, head: reg}]
                train: {epochs: 1}
            """,
        },
    )
    done = run_agekit("plugins", "doctor", "--json", "agekit-thrown")
    assert done.returncode == 1, done.stderr
    found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
    assert {name: one["status"] for name, one in found.items()} == {
        "b-crashes": "error",
        "c-flat": "error",
        "d-good": "ok",
        "per-face": "error",
        "squared": "ok",
        "thrown": "error",
    }
    assert "signal 6" in found["b-crashes"]["error"]
    assert "fails its check" in found["c-flat"]["error"]
    assert "of shape (), not (3, *)" in found["c-flat"]["error"]
    assert "not a scalar" in found["per-face"]["error"]
    assert (found["d-good"]["check"], found["per-face"]["check"]) == ("passed", "failed")


@pytest.mark.slow
def test_doctor_ends_a_part_that_hangs_and_what_it_started(run_agekit, write_plugin, tmp_path):
    pid = tmp_path / "pid"
    hangs = f"""
        import os, time
        if (child := os.fork()) == 0:
            time.sleep(1000)
        open({str(pid)!r}, "w").write(str(child))
        time.sleep(1000)
    """
    write_plugin(
        "agekit-thrown",
        {"backbone": {"a-hangs": "thrown_hangs:part", "b-good": "thrown_good:part"}},
        {"thrown_hangs.py": hangs, "thrown_good.py": "def part(): ..."},
    )
    done = run_agekit("plugins", "doctor", "--json", "--no-check", "--limit", "3", "agekit-thrown")
    first, second = json.loads(done.stdout)["findings"]
    assert (first["status"], second["status"]) == ("error", "ok")
    assert "backbone 'a-hangs' of agekit-thrown 1.0 takes longer than 3 s" in first["error"]
    with suppress(FileNotFoundError):
        state = Path(f"/proc/{pid.read_text()}/stat").read_text().rpartition(")")[2].split()[0]
        assert state == "Z", "what it started is ended too"
