"""The list of a dataset's near-duplicates, by which its grouped split keeps them together.

Run with `python benchmarks/near_duplicates.py DATASET --root DIR > LIST`. A line is a group: the
names of its pictures without folders and endings, in alphabetical order.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import numpy as np
from agekit_datasets.check.near_duplicates import THUMBNAIL, near_duplicate_groups

from agekit.data.split import load_faces


def main() -> None:
    """Prints the list."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--root", type=Path, required=True)
    arguments = parser.parse_args()
    images = load_faces(arguments.dataset, arguments.root).table.images
    with ThreadPoolExecutor() as threads:
        small = list(threads.map(lambda i: images.decode(i, THUMBNAIL), range(len(images))))
    names = [
        PurePosixPath(images.name(i)).name.lower().partition(".")[0] for i in range(len(images))
    ]
    groups = sorted(
        sorted(names[i] for i in rows) for rows in near_duplicate_groups(np.stack(small))
    )
    print(f"# {arguments.dataset}: near-duplicates among {len(images):,} pictures")
    print("\n".join("\t".join(group) for group in groups))


if __name__ == "__main__":
    main()
