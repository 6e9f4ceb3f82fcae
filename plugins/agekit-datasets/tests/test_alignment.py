"""Which sets are of photos, whose faces are cut out first."""

from __future__ import annotations

import pytest
from agekit_datasets.afad import AFAD
from agekit_datasets.agedb import AgeDB
from agekit_datasets.appa_real import APPAREAL, APPARealAge
from agekit_datasets.cacd import CACD
from agekit_datasets.chalearn15 import ChaLearn15
from agekit_datasets.clap2016 import CLAP2016
from agekit_datasets.fg_net import FGNet
from agekit_datasets.imdb_clean import IMDBClean
from agekit_datasets.imdb_wiki import IMDB, IMDBWIKI, WIKI
from agekit_datasets.lagenda import LAGENDA
from agekit_datasets.megaage_asian import MegaAgeAsian
from agekit_datasets.morph import MORPH
from agekit_datasets.two_folder import TwoFolder
from agekit_datasets.utkface import UTKFace

from agekit.data.alignment import WHOLE, Alignment

PHOTOS = (
    *(AgeDB, APPAREAL, APPARealAge, ChaLearn15, CLAP2016, FGNet, IMDB, IMDBClean, IMDBWIKI),
    *(LAGENDA, MORPH, WIKI),
)


@pytest.mark.parametrize("dataset", PHOTOS)
def test_photos_are_whole(dataset) -> None:
    assert dataset.alignment == WHOLE


@pytest.mark.parametrize("dataset", [AFAD, CACD, MegaAgeAsian, TwoFolder, UTKFace])
def test_crops_are_measured(dataset) -> None:
    assert dataset.alignment == Alignment()
