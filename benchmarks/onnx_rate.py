"""How fast the ONNX files of models answer on one core, beside the first of them, and why.

    python benchmarks/onnx_rate.py [MODEL...]

Of each model the side of its images, the multiply-adds of an answer (both mirror images), and for
one face at a time and for batches of 16 the median CPU time of the graph alone, in turns, as a rate
beside that of the first model, and the multiply-adds that go through in a second.
"""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from agekit.onnx.card import INPUT
from agekit.onnx.session import open_session
from agekit.tasks.estimator.scoring import inference
from agekit.zoo.files import graph_file
from agekit.zoo.folder import load_network
from agekit.zoo.locate import locate

MODELS = ("cen-resnet18-tiny", "sord-mobilenet1-tiny", "sord-lite0", "sord-mobilenet1")
BATCHES, TURNS = (1, 16), 15


def multiply_adds(name: str) -> tuple[int, int]:
    """The side of a model's images, and what one answer takes."""
    network, config = load_network(locate(name), task="estimator")
    size = config.image.size
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        inference(network)[0](torch.zeros(1, 3, size, size))
    return size, counter.get_total_flops() // 2


def main() -> None:
    """Prints the table."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    names = sys.argv[1:] or list(MODELS)
    graphs = {n: open_session((locate(n) / graph_file()).read_bytes(), n) for n in names}
    facts = {name: multiply_adds(name) for name in names}
    print("| model | pixels | million multiply-adds | batch | rate | billion a second |")
    print("|---|---|---|---|---|---|")
    random = np.random.default_rng(0)
    for batch in BATCHES:
        spent: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(TURNS):
            for name, session in graphs.items():
                shape = (batch, facts[name][0], facts[name][0], 3)
                pixels = random.integers(0, 256, shape, np.uint8)
                begin = time.process_time()
                session.run(["age"], {INPUT: pixels})
                spent[name].append((time.process_time() - begin) / batch)
        first = np.median(spent[names[0]])
        for name in names:
            size, operations = facts[name]
            seconds = np.median(spent[name])
            print(
                f"| `{name}` | {size} | {operations / 1e6:.0f} | {batch} | {first / seconds:.2f} x "
                f"| {operations / seconds / 1e9:.0f} |"
            )


if __name__ == "__main__":
    main()
