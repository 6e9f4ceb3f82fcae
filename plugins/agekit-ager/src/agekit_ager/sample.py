"""Faces drawn at random from both domains, to train and to test an ager on."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from agekit.data.split import Faces
from agekit.data.table import SPLITS
from agekit.errors import DataError
from agekit_ager.domains import DOMAINS, domain_codes
from agekit_ager.recipe import AgerDataConfig

__all__ = ["sampled"]


def sampled(faces: Faces, data: AgerDataConfig) -> Faces:
    """The faces with the splits that `data.sample` draws; as they are where nothing is drawn.

    Pictures are put in the order of a hash of their content, identical ones once, so that the same
    ones are drawn on any machine, and a larger sample has all those of a smaller one.

    Args:
        faces: read and split; those that the protocol uses are drawn from.
        data: the domains, and what is drawn of them.

    Raises:
        ConfigError: the domains do not fit the dataset.
        DataError: a domain has fewer faces than are to be drawn.
    """
    sample = data.sample
    if sample is None:
        return faces
    domain = domain_codes(faces.table, data.domains, data.kept)
    keys = faces.table.content_keys()
    salt = hashlib.blake2b(b"sample %d" % sample.seed, digest_size=32).digest()
    codes = np.full(len(faces.table), -1, np.int8)
    told = []
    for code, name in enumerate(DOMAINS):
        rows = np.flatnonzero((domain == code) & (faces.codes >= 0)).tolist()
        ranked = {_rank(keys[i].tobytes(), salt): i for i in reversed(rows)}
        order = [ranked[rank] for rank in sorted(ranked)]
        wanted = sample.per_domain or len(order)
        tests = max(round(sample.test * wanted), 1)
        if not wanted - 2 >= tests or wanted > len(order):
            raise DataError(
                f"{faces.protocol}: the {name} domain has {len(order):,} different faces, too few "
                f"to draw {wanted:,} and test on {sample.test:g} of them (data.sample)",
                "ask for fewer with --set data.sample.per_domain=N, or choose other domains",
            )
        codes[order[:tests]] = SPLITS.index("test")
        codes[order[tests:wanted]] = SPLITS.index("train")
        told.append(f"{wanted:,} of {len(order):,} {name} faces")
    drawn = f"{' and '.join(told)} drawn at random, {sample.test:.3g} of them to test on"
    return replace(faces, codes=codes, drawn=drawn, subject_exclusive=False)


def _rank(content: bytes, salt: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16, key=salt).digest()
