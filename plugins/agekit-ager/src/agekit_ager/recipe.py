"""What a recipe of an ager may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from agekit._mistakes import KeyMistake, StrictSchema
from agekit.recipe.schema import AugmentConfig, DataConfig, PartConfig, Recipe, Share

__all__ = ["AgerDataConfig", "AgerRecipe", "SampleConfig"]

AgeRange = tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]


class SampleConfig(StrictSchema):
    """Faces drawn at random from each domain, in place of the protocol's split.

    As many as `per_domain`, or all; the share `test` of them is to test on, the others to train
    on. Which ones depends on the pictures and on `seed`, not on the seed of the run.
    """

    per_domain: Annotated[int, Field(ge=3)] | None = None
    test: Annotated[float, Field(gt=0, lt=1)] = 0.05
    seed: Annotated[int, Field(ge=0)] = 0


class AgerDataConfig(StrictSchema):
    """What an ager sees: faces of two domains, a young one and an old one; or of all ages.

    Images are stored at `load_size` and cropped at random to `size`, pixel by pixel; without it
    they are stored at 286/256 of `size`, as CycleGAN does. `domains` are two ranges of ages, both
    ends included; without it the dataset's groups ``A`` and ``B`` are the domains. `where` keeps
    the rows of one gender or group, such as ``{gender: male}``. `sample` draws faces of these.
    """

    size: Annotated[int, Field(ge=16, le=1024, multiple_of=4)] = 256
    load_size: Annotated[int, Field(ge=16, le=2048)] | None = None
    flip: Share = 0.5
    domains: tuple[AgeRange, AgeRange] | None = None
    where: dict[Literal["gender", "group"], str | None] = Field(default={})
    sample: SampleConfig | None = None

    @property
    def kept(self) -> dict[str, str]:
        """`where`, without what is not asked for."""
        return {str(key): value for key, value in self.where.items() if value is not None}

    @property
    def faces(self) -> DataConfig:
        """The same for faces of all ages, from -1 to 1, which are flipped but not cropped."""
        whole = AugmentConfig(crop_scale=(1.0, 1.0), crop_ratio=(1.0, 1.0), flip=self.flip)
        half = (0.5, 0.5, 0.5)
        return DataConfig(size=self.size, mean=half, std=half, augment=whole)

    @property
    def stored(self) -> int:
        """The side at which images are kept, pixels."""
        return self.load_size or round(self.size * 286 / 256)

    @model_validator(mode="after")
    def _fits(self) -> AgerDataConfig:
        if self.stored < self.size:
            text = f"load_size must not be below size ({self.size})"
            raise KeyMistake("load_size", text, self.stored)
        for index, (low, high) in enumerate(self.domains or ()):
            if low > high:
                text = "a domain is [low, high] with low <= high"
                raise KeyMistake(f"domains.{index}", text, [low, high])
        return self


class AgerRecipe(Recipe):
    """A recipe of an ager with its generator chosen and its preset applied."""

    parts: ClassVar[Mapping[str, str]] = {"generator": "generator"}
    open_part: ClassVar[str] = "generator"
    example: ClassVar[str] = "resnet-9blocks"
    sections: ClassVar[Mapping[str, Any]] = {"data": {"where": {}, "sample": None}}

    kind: Literal["ager"] = "ager"
    generator: PartConfig
    data: AgerDataConfig = AgerDataConfig()

    @model_validator(mode="after")
    def _keeps_the_last(self) -> AgerRecipe:
        for key in ("keep", "keep_generation"):
            if (value := getattr(self.train, key)) != "last":
                text = "an ager is watched on no validation split: it keeps the last"
                raise KeyMistake(f"train.{key}", text, value)
        return self
