"""The fields of a face table as users call their columns."""

from __future__ import annotations

from collections.abc import Mapping

from agekit.errors import ConfigError, nearest

__all__ = ["COLUMN_NAMES", "Columns", "check_columns", "usual"]

Columns = Mapping[str, str]
"""Field of the face table → column, as a user names them."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "path": _names(
        "path file_name file_path image_path img_path image_file file image_file_name "
        "image_file_path img_file image_name img_name relative_path rel_path full_path photo_path "
        "picture_path image img photo picture image_id img_id"
    ),
    "age": _names(
        "age real_age age_years age_in_years true_age chronological_age apparent_age "
        "apparent_age_avg mean_age years age_label age_group age_range age_bin label"
    ),
    "sigma": _names("sigma std age_std age_sigma apparent_age_std std_dev age_sd"),
    "identity": _names(
        "identity person_id subject_id identity_id person subject celeb_id celebrity_id "
        "individual_id id"
    ),
    "gender": _names("gender sex"),
    "group": _names("group race ethnicity ethnic_group"),
    "split": _names("split subset partition"),
}
"""The usual names of each field's column, the most certain first."""


def usual(name: str) -> str:
    """A column's name without what differs between its spellings: case and separators."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def check_columns(asked: Columns) -> None:
    """Checks what a user calls columns before anything is read.

    Raises:
        ConfigError: a key is no field of the face table.
    """
    if odd := [field for field in asked if field not in COLUMN_NAMES]:
        raise ConfigError(
            [
                f"there is no column {field!r} to name{nearest(field, COLUMN_NAMES)}"
                for field in odd
            ],
            f"those are {', '.join(COLUMN_NAMES)}",
        )
