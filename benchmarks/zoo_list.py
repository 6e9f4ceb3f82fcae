"""How long `agekit zoo list` takes as a whole process, with many entries.

Run with `python benchmarks/zoo_list.py [--runs N] [--entries N]`. The entries are made up, half of
them on the Hub and half with a plugin that is not installed. Exits 1 when a median exceeds the
budget of `benchmarks/startup.py` or a heavy module is imported.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from startup import BUDGET, environment, heavy_imports, seconds

COMMANDS = (
    ["zoo", "list"],
    ["zoo", "list", "--json"],
    ["zoo", "list", "cen-*7", "--sort", "mae"],
    ["zoo", "list", "--quiet"],
)


def write_entries(folder: Path, count: int) -> None:
    """Writes entries as long as real ones."""
    for k in range(count):
        name = f"cen-resnet18-tiny-made-up-{k:04d}"
        far = {"source": f"hf-hub:nobody/{name}", "revision": f"{k:040x}"}
        scores = ("mae", "bias", "ca3", "ca5", "ca7", "cs3", "cs5", "cs7", "coverage")
        outputs = {key: [20.5 + k, 30.5, 40.5, 50.5] for key in ("age", "low", "high")}
        entry = {
            "schema_version": 1,
            "name": name,
            "task": "estimator",
            "description": "ages 0 to 116: resnet18-tiny, ldl and reg; trained on utkface",
            "requires": {"agekit": "0.1.0", "agekit-none" if k % 2 else "agekit-cen": "0.1.0"},
            **(far if k % 2 else {"source": f"bundled:{name}", "revision": None}),
            "files": {
                file: {"sha256": f"{k:064x}", "size": 1000 * (k + 1)}
                for file in ("model.safetensors", "config.json", "README.md", "metrics.json")
            },
            "parameters": 1_000_000 + k,
            "backbone": "resnet18-tiny",
            "metrics": {"n": 4741, **{score: 5 + k / count for score in scores}},
            "licence": "non-commercial research only",
            "data": {"dataset": "utkface", "protocol": "utkface:random-80-20"},
            "check": {"input": "squares-1", "outputs": outputs, "tolerance": 0.02},
        }
        (folder / f"{name}.json").write_text(json.dumps(entry, indent=1))


def main() -> int:
    """Measures, prints a table, and gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=15, help="processes per command (default 15)")
    parser.add_argument("--entries", type=int, default=500, help="how many (default 500)")
    options = parser.parse_args()
    failed = False
    print(f"{options.entries} entries")
    print(f"{'command':<40}{'median s':>10}{'min s':>10}{'max s':>10}  heavy imports")
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
        write_entries(Path(folder), options.entries)
        env = {**environment(cache), "AGEKIT_ZOO": folder}
        for arguments in COMMANDS:
            command = [sys.executable, "-m", "agekit", *arguments]
            seconds(command, env)
            times = [seconds(command, env) for _ in range(options.runs)]
            median = statistics.median(times)
            heavy = heavy_imports(arguments, env)
            failed |= bool(heavy) or median > BUDGET
            print(
                f"{' '.join(['agekit', *arguments]):<40}{median:>10.3f}{min(times):>10.3f}"
                f"{max(times):>10.3f}  {', '.join(heavy) or 'none'}"
            )
    print(f"budget: {BUDGET} s, {'exceeded or impure' if failed else 'kept'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
