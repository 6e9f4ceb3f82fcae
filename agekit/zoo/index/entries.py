"""The zoo's index: every model that can be had by its name, and who says so.

Entries come from the folders of ``$AGEKIT_ZOO``, from the package, and from plugins, whose entry
points of the group `GROUP` name folders of JSONs as ``package.folder``. Nothing is imported or
fetched. The first to give a name keeps it; that others are hidden is told.
"""

from __future__ import annotations

import os
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from agekit._paths import expand_user, shipped_folder
from agekit.discovery import CORE, DISABLE_VARIABLE, module_paths, normalise
from agekit.errors import ModelError
from agekit.zoo.files import CONFIG, model_folder, small_text
from agekit.zoo.index.listing import LOCAL, Listing, read_listing

if TYPE_CHECKING:
    from agekit.zoo.entry import ZooEntry

__all__ = [
    "GROUP",
    "VARIABLE",
    "Index",
    "Place",
    "entry_of",
    "find_entries",
    "find_listing",
    "known_names",
    "places",
    "read_index",
    "shipped",
]

GROUP = "agekit.zoo"
VARIABLE = "AGEKIT_ZOO"
_SUFFIX = ".json"


class Place(NamedTuple):
    """A folder with entries.

    Args:
        folder: where.
        giver: ``agekit``, a plugin's distribution, or, of a user's own folder, its path.
        own: whether it is a user's own: model folders in it count, and sources may be ``local:``.
    """

    folder: Path
    giver: str
    own: bool = False


class Index(NamedTuple):
    """What was found.

    Args:
        listings: by name, sorted.
        remarks: one line for each entry that is damaged or hidden, and each folder not there.
    """

    listings: dict[str, Listing]
    remarks: list[str]


def shipped() -> Path:
    """The folder of the package's own entries: in an installed package, or in a checkout."""
    return shipped_folder("_zoo", "zoo")


def places() -> list[Place]:
    """Where entries may lie, in the order in which they keep a name."""
    named = os.environ.get(VARIABLE, "").split(os.pathsep)
    own = [Place(expand_user(name).absolute(), name, True) for name in named if name]
    return [*own, Place(shipped(), CORE), *_contributed()]


def read_index() -> Index:
    """Reads every entry, with the little checking that listings need."""
    listings: dict[str, Listing] = {}
    remarks: list[str] = []
    for place in places():
        if not os.access(place.folder, os.R_OK | os.X_OK):
            remarks.append(f"{place.folder} of {place.giver} is not there or cannot be read")
        for name, path in _candidates(place):
            try:
                listing = _read(path, name, place)
            except ValueError as error:
                remarks.append(f"{path}: {error}")
                continue
            first = listings.setdefault(name, listing)
            if first is not listing:
                remarks.append(f"{path}: hidden by the model {name!r} of {first.giver}")
    return Index(dict(sorted(listings.items())), remarks)


def find_listing(name: str) -> Listing | None:
    """One model of the index; reads no other.

    Raises:
        ModelError: its entry is damaged.
    """
    for place in places():
        for candidate, path in _candidates(place):
            if candidate == name:
                try:
                    return _read(path, name, place)
                except ValueError as error:
                    raise ModelError(
                        f"the zoo's entry {path} cannot be used: {error}", "correct or remove it"
                    ) from error
    return None


def entry_of(listing: Listing) -> ZooEntry:
    """The entry of a listing, checked in full; that of a model folder is made by hashing it.

    Raises:
        ModelError: it is not valid.
    """
    from agekit.zoo.entry import entry_for, parse_entry

    if listing.path.is_dir():
        return entry_for(listing.path, listing.source, name=listing.name, check=False)
    try:
        return parse_entry(small_text(listing.path), str(listing.path))
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {listing.path}: {error}") from error


def find_entries() -> dict[str, ZooEntry]:
    """Every entry by its name, checked in full; those that are not valid are left out."""
    found: dict[str, ZooEntry] = {}
    for name, listing in read_index().listings.items():
        try:
            found[name] = entry_of(listing)
        except ModelError:
            continue
    return found


def known_names() -> list[str]:
    """Every name that is taken, sorted; nothing is read but the folders."""
    return sorted({name for place in places() for name, _ in _candidates(place)})


def _read(path: Path, name: str, place: Place) -> Listing:
    listing = read_listing(path, name, place.giver)
    if not place.own and listing.source.startswith(LOCAL):
        raise ValueError(f"only the folders of ${VARIABLE} may hold a {LOCAL} source")
    return listing


def _candidates(place: Place) -> list[tuple[str, Path]]:
    """Name and path of each JSON in a folder, and of each model without one; sorted."""
    entries: dict[str, Path] = {}
    models: dict[str, Path] = {}
    with suppress(OSError):
        if place.own and (place.folder / CONFIG).is_file():
            return [(place.folder.name, place.folder)]
        for name in os.listdir(place.folder):
            path = place.folder / name
            if name.endswith(_SUFFIX) and not name.startswith("."):
                entries[name.removesuffix(_SUFFIX)] = path
            elif place.own and not name.startswith(".") and (model := model_folder(path)):
                models[name] = model
    return sorted((models | entries).items())


def _contributed() -> list[Place]:
    """The folders that plugins give, by distribution; those turned off are left out."""
    listed = os.environ.get(DISABLE_VARIABLE, "")
    off = {normalise(name.strip()) for name in listed.split(",") if name.strip()}
    found: dict[str, list[Place]] = {}
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
            points = distribution.entry_points if f"[{GROUP}]" in text else ()
            name = distribution.name if points else ""
        except (KeyError, OSError, TypeError, ValueError):
            continue
        if points and not off & {"all", normalise(name)}:
            values = [point.value for point in points if point.group == GROUP]
            found.setdefault(normalise(name), [_folder(value, name) for value in values])
    return [place for key in sorted(found) for place in found[key]]


def _folder(package: str, giver: str) -> Place:
    """Where the folder `package.folder` of a plugin lies."""
    there = [path for path in module_paths(package) if path.is_dir()]
    return Place(there[0] if there else Path(package.replace(".", os.sep)), giver)
