"""How long the light commands take as whole processes, and that they import nothing heavy.

Run with `python benchmarks/startup.py [--runs N]`. Then how many modules `agekit predict` and
`agekit train` load, of a drawn face and of a training of one epoch; `--modules` prints these alone.
Byte code is cached in a folder of its own, as
an installed package has it. Exits 1 when a median exceeds the budget or a heavy module, or any
plugin's, is imported.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter

from agekit.discovery import PACKAGE, entries

COMMANDS = (["--help"], ["list"], ["plugins", "list"])
BUDGET = 0.25
HEAVY = {"torch", "timm", "mmengine", "numpy"}
PROBE = """
import sys
from agekit.cli import main
try:
    main(sys.argv[1:])
finally:
    print("modules:", *sys.modules, file=sys.stderr)
"""
MARK = "modules:"


def environment(cache: str) -> dict[str, str]:
    """This process's environment, with byte code written to `cache`."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": cache}


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Wall time of one whole process."""
    start = time.perf_counter()
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def loaded(arguments: list[str], env: dict[str, str]) -> list[str]:
    """The modules that a command has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return done.stderr.rpartition(MARK)[2].split()


def heavy_imports(arguments: list[str], env: dict[str, str]) -> list[str]:
    """The modules of torch, timm, mmengine, numpy or a plugin that a command imports."""
    plugins = {entry.module.split(".")[0] for entry in entries()} - {PACKAGE}
    return sorted(name for name in loaded(arguments, env) if name.split(".")[0] in HEAVY | plugins)


def print_modules() -> None:
    """Prints how many modules the two main commands load, and whose they are."""
    from agekit_synthfaces import draw, person
    from PIL import Image

    print(f"{'command':<24}{'modules':>10}{'agekit':>10}{'plugins':>10}{'torch':>10}")
    with tempfile.TemporaryDirectory() as folder:
        face, run = os.path.join(folder, "face.png"), os.path.join(folder, "run")
        Image.fromarray(draw(person(1, 7), 42, 256)).save(face)
        env = {**os.environ, "AGEKIT_CACHE": folder}
        train = ["train", "cen-resnet10-tiny", "synthfaces", "--protocol", "tiny"]
        train += ["--preset", "quick", "--epochs", "1", "--generations", "1", "--device", "cpu"]
        for arguments in (["predict", face], [*train, "--out", run]):
            tops = Counter(name.split(".")[0] for name in loaded(arguments, env))
            theirs = sum(count for name, count in tops.items() if name.startswith("agekit_"))
            print(
                f"agekit {arguments[0]:<17}{tops.total():>10,}{tops[PACKAGE]:>10,}"
                f"{theirs:>10,}{tops['torch']:>10,}"
            )


def main() -> int:
    """Measures, prints a table, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="processes per command (default 15)")
    parser.add_argument("--modules", action="store_true", help="count the modules loaded alone")
    given = parser.parse_args()
    if given.modules:
        print_modules()
        return 0
    runs = given.runs
    failed = False
    print(f"{'command':<24}{'median s':>10}{'min s':>10}{'max s':>10}  heavy imports")
    with tempfile.TemporaryDirectory() as cache:
        env = environment(cache)
        for label, command, arguments in [
            ("python -c pass", [sys.executable, "-c", "pass"], None),
            *(
                (" ".join(["agekit", *rest]), [sys.executable, "-m", "agekit", *rest], rest)
                for rest in COMMANDS
            ),
        ]:
            seconds(command, env)
            times = [seconds(command, env) for _ in range(runs)]
            median = statistics.median(times)
            heavy = heavy_imports(arguments, env) if arguments else []
            failed |= bool(heavy) or median > BUDGET
            print(
                f"{label:<24}{median:>10.3f}{min(times):>10.3f}{max(times):>10.3f}  "
                f"{', '.join(heavy) or 'none'}"
            )
    print(f"budget: {BUDGET} s, {'exceeded or impure' if failed else 'kept'}\n")
    print_modules()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
