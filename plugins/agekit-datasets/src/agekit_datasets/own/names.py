"""Ages in the names of folders and files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePosixPath

from agekit.errors import counted
from agekit.plugin import MAX_AGE
from agekit_datasets.own.ages import Age, Ranges, parse_age

__all__ = ["ages_in_names"]

_NUMBER = re.compile(r"\d{1,3}(\.\d+)?")
_PLAIN = re.compile(r"[-+]?[\d.e]+|[-+]?(inf|nan)(inity)?", re.IGNORECASE)
_PADDED = re.compile(r"(^|/)0\d\d/")
_DATE = re.compile(r"(19|20)\d\d[-_ .](0?\d|1[0-2])[-_ .]([0-2]?\d|3[01])(?!\d)")
_YEAR = re.compile(r"(19|20)\d\d")
_PREFIX = re.compile(r"^ages?[-_ ]*(?=\d)", re.IGNORECASE)
_GAPS = re.compile(r"[-_\s()\[\],=+#]+")
_MARKED = re.compile(
    r"(?:^|.*[^a-z])age[-_ =]?(?P<age>\d{1,3}(?:\.\d+)?)(?![\d.]).*"  # x_age25, age-25_x
    r"|(?:.*[^\da-z])?(?P<years>\d{1,3})[-_ ]?(?:years?|yrs?|yo)(?![a-z]).*"  # x_25yo
    r"|\d*a(?P<a>\d{1,3})[a-z]?"  # 001A43a of FG-NET, 01234A56 of All-Age-Faces, A25
    r"|\d+_\d+[mf](?P<sex>\d{1,3})"  # 009055_0M54 of MORPH
    r"|(?P<utk>\d{1,3})_[01]_[0-4]_\d{8,}.*",  # 25_0_2_20170116174525125 of UTKFace
    re.IGNORECASE,
)
_PLACES = (0, -1, 1, -2, 2, -3)
"""Of a number among the parts of a name, as an index, in the order in which they are tried."""
_OLD = 100
"""Years; a folder named by more is rather one of people or files."""
_NEARLY_ALL = 0.9
"""Of the names: a few files that were put there by hand spoil no pattern."""
_FEW = 10
_MANY_FACES = 10


@dataclass(frozen=True)
class _Numbers:
    """The numbers that names have in one place.

    Attributes:
        ages: one for each name, None where there is no number that may be an age.
        padded: whether they are filled with zeros to three figures, as numbers of files are.
        serial: whether they count the names, from 0 or 1.
        counting: whether they are all numbers from 0 or 1 on, whichever name has which.
        bare: whether the names are nothing but numbers.
    """

    ages: tuple[float | None, ...]
    padded: bool
    serial: bool
    counting: bool
    bare: bool = False

    @property
    def distinct(self) -> int:
        return len({*self.ages} - {None})

    @property
    def is_number(self) -> bool:
        """True if they rather are the files' or the people's numbers."""
        return self.padded or self.serial

    @property
    def is_likely(self) -> bool:
        """True if all names have one, and they may well be ages."""
        return not self.is_number and None not in self.ages and self.distinct > 2


def ages_in_names(paths: Sequence[str]) -> tuple[list[Age | None], list[str]]:
    """Finds the age of each image in the name of its folder or file.

    An age that a name marks as one (``age_25``, ``25yo``, ``A25``, and the names of FG-NET, MORPH,
    UTKFace and All-Age-Faces) counts first, then the nearest folder that is named by an age or a
    range of ages, then the number in the file's name that stands in the same place in most of
    them and does not look like a running number. Where the folders' numbers look like those of
    folds or people, and the names have ages, these count.

    Args:
        paths: of the images, with forward slashes.

    Returns:
        The ages, None where there is none; and what was chosen between, for people.
    """
    stems = [PurePosixPath(path).stem for path in paths]
    marked = [_marked(stem) for stem in stems]
    if sum(age is not None for age in marked) >= _NEARLY_ALL * len(paths):
        return _with_notes(paths, marked, [])
    notes: list[str] = []
    folders = [_folder_ages(path) for path in paths]
    ages = [_nearest(found) for found in folders]
    inside = [k for k, age in enumerate(ages) if age is not None]
    if inside:
        names, _ = _number_in([stems[k] for k in inside])
        first = paths[inside[0]]
        people = sum(bool(_PADDED.search(paths[k])) for k in inside) * 2 > len(inside)
        if names is not None and _is_better(names, [ages[k] for k in inside], people):
            notes.append(
                f"both folders and files are named by numbers, such as {first}: the folders' look "
                "like folds or people, the files' are taken for the ages"
            )
            for k, years in zip(inside, names.ages, strict=True):
                ages[k] = None if years is None else Age(years)
        else:
            notes.extend(_doubts(paths, folders, ages))
            if names is not None and names.is_likely and not names.counting:
                notes.append(
                    f"both folders and files are named by numbers, such as {first}: the folders' "
                    "are taken for the ages"
                )
    rest = [k for k, age in enumerate(ages) if age is None]
    names, choice = _number_in([stems[k] for k in rest])
    if names is not None and not (inside and names.bare):
        notes.extend(choice)
        for k, years in zip(rest, names.ages, strict=True):
            ages[k] = None if years is None else Age(years)
    return _with_notes(paths, ages, notes)


def _marked(stem: str) -> Age | None:
    match = _MARKED.fullmatch(stem)
    if match is None:
        return None
    years = float(next(text for text in match.groups() if text is not None))
    return Age(years) if years <= MAX_AGE else None


def _folder_ages(path: str) -> list[Age]:
    """The ages that folders on the way are named by, the nearest first."""
    found = []
    for name in reversed(path.split("/")[:-1]):
        text = _PREFIX.sub("", name).replace("_", " ").strip()
        if _PLAIN.fullmatch(text) and not _NUMBER.fullmatch(text):
            continue
        age = parse_age(text) if text else None
        if age is not None and age.years <= MAX_AGE:
            found.append(age)
    return found


def _nearest(found: Sequence[Age]) -> Age | None:
    """The nearest, unless it is beyond what is seen and a farther one is not: 25/111/x.jpg."""
    return next((age for age in found if age.years <= _OLD), found[0] if found else None)


def _number_in(stems: Sequence[str]) -> tuple[_Numbers | None, list[str]]:
    """The place in names where the ages are, and what to tell of the choice."""
    parts = [[part for part in _GAPS.split(_DATE.sub("date", stem)) if part] for stem in stems]
    numbered = sum(any(_NUMBER.fullmatch(part) for part in p) for p in parts)
    places: list[_Numbers] = []
    for index in _PLACES:
        place = _place([p[index] if -len(p) <= index < len(p) else "" for p in parts], numbered)
        if place is not None and place.ages not in [other.ages for other in places]:
            places.append(place)
    bare = all(len(p) <= 1 for p in parts)
    usable = [place for place in places if not (bare and place.serial)]
    if not usable:
        return None, []
    best = min(usable, key=lambda p: (p.is_number, p.distinct <= 2 < len(stems), p.counting))
    k = next(k for k, age in enumerate(best.ages) if age is not None)
    reason = f"{best.ages[k]:g} is taken for the age in names such as {stems[k]}"
    best = replace(best, bare=bare)
    if best.is_number:
        return best, [f"{reason}, but these look like running numbers, not like ages"]
    rivals = [p for p in usable if p.ages != best.ages and not p.is_number and p.distinct > 2]
    if rivals and best.distinct > 1:
        other = next((p.ages[k] for p in rivals if p.ages[k] is not None), None)
        if other is not None:
            return best, [f"{reason}, not {other:g}: put the ages into labels.csv if that is wrong"]
    return best, [reason] if bare else []


def _place(texts: Sequence[str], of: int) -> _Numbers | None:
    """The numbers in one place of names; None where most have none that may be an age.

    Args:
        texts: what stands there, "" nothing.
        of: how many of the names have a number at all.
    """
    numbers = [float(text) if _NUMBER.fullmatch(text) else None for text in texts]
    ages = tuple(n if n is not None and n <= MAX_AGE else None for n in numbers)
    known = [age for age in ages if age is not None]
    figures = [text for text in texts if text.isdecimal()]
    if 2 * len(known) < of or len(known) < _NEARLY_ALL * len(figures) or not known:
        return None
    values = {*known}
    counting = values in ({*range(len(values))}, {*range(1, len(values) + 1)})
    return _Numbers(
        ages,
        padded=sum(len(text) > 2 and text[0] == "0" for text in figures) * 2 > len(figures),
        serial=counting and len(values) == len(known) > 1,
        counting=counting,
    )


def _is_better(names: _Numbers, folders: Sequence[Age | None], people: bool) -> bool:
    """True if the numbers of the files are the ages, and those of their folders are none.

    Args:
        names: the numbers of the files.
        folders: those of their folders.
        people: whether these are written as numbers of people are.
    """
    if not names.is_likely:
        return False
    values = {age.years for age in folders if age is not None and not age.is_range}
    folds = (
        values
        and len(values) <= _FEW
        and values
        in (
            {*range(len(values))},
            {*range(1, len(values) + 1)},
        )
    )
    return people or (bool(folds) and names.distinct > len(values))


def _doubts(
    paths: Sequence[str], folders: Sequence[Sequence[Age]], ages: Sequence[Age | None]
) -> Iterator[str]:
    """Notes on ages that are the names of folders, where these are not plain."""
    several = [k for k, found in enumerate(folders) if len(found) > 1]
    dates = [k for k, path in enumerate(paths) if ages[k] is not None and _is_date(path)]
    for rows, what in (
        (several, "below several folders named by numbers: the nearest up to 100 is the age"),
        (dates, "in folders that look like dates: their last number is taken for the age"),
    ):
        if rows:
            age = ages[rows[0]]
            example = f"{paths[rows[0]]} as {age.years:g} years" if age else paths[rows[0]]
            yield f"{counted(len(rows), 'image lies', 'images lie')} {what}: {example}"


def _is_date(path: str) -> bool:
    """True if folders on the way are a year and what may be a month or a day in it."""
    names = path.split("/")[:-1]
    return any(
        _YEAR.fullmatch(year) and month.isdecimal() and int(month) <= 12
        for year, month in pairwise(names)
    )


def _with_notes(
    paths: Sequence[str], ages: list[Age | None], notes: list[str]
) -> tuple[list[Age | None], list[str]]:
    """Adds the notes on the ages as such: ranges, and too few different ones."""
    ranges = Ranges()
    for path, age in zip(paths, ages, strict=True):
        if age is not None:
            ranges.add(path, age)
    counts = Counter(age.years for age in ages if age is not None)
    known = sum(counts.values())
    if known >= _MANY_FACES and len(counts) <= min(_FEW, known // 3) and not ranges.count:
        shown = ", ".join(f"{years:g}" for years in sorted(counts))
        notes.append(
            f"{known:,} images have only {len(counts)} different ages: {shown}; if those numbers "
            "are no ages, put the ages into labels.csv"
        )
    return ages, [*notes, *ranges.notes()]
