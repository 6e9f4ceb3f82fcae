from __future__ import annotations

from pathlib import Path

import pytest
from agekit_datasets.places import keep_apart

from agekit.errors import DataError


def test_what_is_written_stays_out_of_what_is_read(tmp_path: Path) -> None:
    photos, link = tmp_path / "photos", tmp_path / "link"
    (photos / "sub").mkdir(parents=True)
    link.symlink_to(photos / "sub")
    for out in (photos / "sub" / "x", photos / "x.parquet", link / "x", photos):
        with pytest.raises(DataError, match=r"own folder .*photos, and would become part of it"):
            keep_apart(out, None, photos)
    keep_apart(photos, photos, itself=False)
    for folder in (None, photos / "sub", tmp_path / "missing"):
        keep_apart(tmp_path / "chips", folder)
