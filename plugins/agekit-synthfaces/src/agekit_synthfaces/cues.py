"""The cues of age in one person, as numbers that change smoothly and one way only."""

from __future__ import annotations

import math
from dataclasses import dataclass

from agekit_synthfaces.growth import rise, smoothstep, strain_at
from agekit_synthfaces.identity import Person

__all__ = ["Cues", "cues_at"]


@dataclass(frozen=True, slots=True)
class Cues:
    """The state of a face at an age. Each is 0 where age has not yet (or no longer) told.

    Attributes:
        years: apparent age, years.
        strain: growth parameter k of the cardioidal strain.
        infancy: 1 at birth, gone at school age.
        childhood: 1 at birth, gone when grown.
        adult: 0 in a child, 1 when grown.
        wrinkle: the general factor of wrinkles: proneness times slow growth.
        sag: jowls, mouth corners, cheeks.
        hood: upper lids that droop.
        thin: lips that thin.
        hollow: cheeks and temples that sink.
        elder: growth of nose and ears since 25, in parts of a lifetime.
        rough: roughness of the skin.
        uneven: unevenness of its tone.
        spots: age spots.
        pale: blood and glow that leave the skin.
        grey: share of grey hair.
        bald: how far the hairline and the crown have thinned.
        down: density of the hair of a baby, 1 from about three years on.
        beard: density of the beard.
    """

    years: float
    strain: float
    infancy: float
    childhood: float
    adult: float
    wrinkle: float
    sag: float
    hood: float
    thin: float
    hollow: float
    elder: float
    rough: float
    uneven: float
    spots: float
    pale: float
    grey: float
    bald: float
    down: float
    beard: float


def cues_at(who: Person, age: float) -> Cues:
    """The cues of a person at a calendar age in years."""
    years = age * who.pace
    grown = age * math.sqrt(who.pace)
    female = who.gender == 0
    return Cues(
        years=years,
        strain=strain_at(grown, female),
        infancy=math.exp(-((grown / 4.0) ** 1.3)),
        childhood=1 - smoothstep(grown, 0.0, 17.0 if female else 19.5),
        adult=smoothstep(grown, 11.0, 19.0 if female else 22.0),
        wrinkle=who.wrinkling * rise(years, 18.0, 48.0),
        sag=who.sagging * rise(years, 32.0, 46.0),
        hood=who.sagging * rise(years, 36.0, 42.0),
        thin=rise(years, 32.0, 45.0),
        hollow=rise(years, 46.0, 40.0),
        elder=max(0.0, rise(years, 25.0, 60.0)),
        rough=rise(years, 24.0, 55.0),
        uneven=who.spotting * rise(years, 22.0, 50.0),
        spots=who.spotting * rise(years, 40.0, 40.0),
        pale=rise(years, 20.0, 55.0),
        grey=1 / (1 + math.exp(-(years - who.grey_onset) / 5.5)),
        bald=who.balding * rise(years, 22.0, 30.0),
        down=0.25 + 0.75 * smoothstep(grown, -0.5, 4.5),
        beard=who.beard * smoothstep(grown, 15.0, 24.0),
    )
