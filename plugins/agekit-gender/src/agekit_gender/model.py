"""A gender classifier: a backbone and one logit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor, nn

from agekit.plugin import (
    BACKBONES,
    Batch,
    Culprit,
    ImageConfig,
    PartConfig,
    build_part,
    feature_length,
    seeded,
    without_pretrained,
)
from agekit_gender.config import GenderConfig
from agekit_gender.recipe import GenderRecipe

__all__ = [
    "GenderClassifier",
    "build_classifier",
    "build_model",
    "fixed_outputs",
    "inference",
    "probabilities",
    "untrained",
]


class GenderClassifier(nn.Module):
    """Images to the logit of a face being a woman's.

    Args:
        backbone: images (N, 3, H, W) to features (N, F).
        features: F.
    """

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.logit = nn.Linear(features, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) to logits (N,)."""
        logits: Tensor = self.logit(self.backbone(images))
        return logits[:, 0]

    def female(self, images: Tensor) -> Tensor:
        """The probability of each face being a woman's, (N,), with its mirror image looked at."""
        logits: Tensor = self(images).float() + self(images.flip(-1)).float()
        return torch.sigmoid(logits / 2)


def build_classifier(backbone: PartConfig, size: int, seed: int = 0) -> GenderClassifier:
    """Builds a classifier with new weights.

    Args:
        backbone: the backbone and its arguments.
        size: side of the images in pixels.
        seed: of the weights.

    Raises:
        ContractError: the backbone does not do what is asked of it.
    """
    with seeded(seed):
        network: nn.Module = build_part(BACKBONES, backbone)
        features = feature_length(Culprit("backbone", backbone.type, network), size)
        return GenderClassifier(network, features)


def build_model(config: GenderConfig) -> GenderClassifier:
    """Builds the network of a model, its weights still to be loaded."""
    network = build_classifier(without_pretrained(config.backbone), config.image.size)
    return network.to(memory_format=torch.channels_last)


def untrained(recipe: GenderRecipe) -> tuple[GenderClassifier, GenderClassifier]:
    """The network of a recipe with new weights; nothing is fetched."""
    network = build_classifier(without_pretrained(recipe.backbone), recipe.data.size)
    return network, network


def inference(network: GenderClassifier) -> tuple[Callable[[Tensor], Tensor], GenderClassifier]:
    """From normalised images (N, 3, S, S) to probabilities, and what gives them."""
    return network.female, network


@torch.no_grad()
def probabilities(network: GenderClassifier, batches: Iterable[Batch]) -> Tensor:
    """The probability of each face being a woman's, (N,) on the CPU, in order."""
    network.eval()
    return torch.cat([network.female(batch.images).cpu() for batch in batches])


def fixed_outputs(
    network: GenderClassifier, pictures: Tensor, image: ImageConfig
) -> Mapping[str, Tensor]:
    """The probability of each picture, (N,), for `agekit.zoo.check`.

    Args:
        network: in evaluation mode, on the CPU.
        pictures: (N, S, S, 3) uint8.
        image: how they are normalised; they are not cropped.
    """
    batch = (pictures / 255 - torch.tensor(image.mean)) / torch.tensor(image.std)
    return {"female": network.female(batch.permute(0, 3, 1, 2).contiguous())}
