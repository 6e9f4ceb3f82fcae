"""The model card: what a model is, how good it is, for whom, and for what it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agekit.zoo.config import ModelConfig

__all__ = ["model_card"]


def model_card(config: ModelConfig, metrics: Mapping[str, Any]) -> str:
    """The card as Markdown.

    Args:
        config: the model's configuration.
        metrics: what the model folder's ``metrics.json`` holds.
    """
    trained = config.trained
    low, high = config.ages
    interval = config.interval
    lines = [
        "---",
        "library_name: agekit",
        "pipeline_tag: image-classification",
        "tags: [age-estimation, face]",
        "---",
        f"# {config.name}",
        "",
        f"Estimates the age of a face, from {low} to {high} years, with a {interval.level:.0%} "
        "interval.",
        "",
        f"- Backbone `{config.backbone.type}`, heads "
        + ", ".join(f"`{name}`" for name in config.heads)
        + f"; {config.parameters:,} parameters.",
        f"- Takes face chips of {config.image.size} x {config.image.size} pixels, RGB.",
        f"- Trained by agekit {trained.get('agekit')} with the recipe `{trained.get('recipe')}`, "
        f"seed {trained.get('seed')}.",
        f"- Data: `{trained.get('protocol')}`, split hash `{trained.get('split_hash')}`.",
        f"- Intervals calibrated on the {interval.calibrated_on} split.",
        "",
        "## Metrics",
        "",
        "| generation | split | n | MAE | bias | CA(5) | CS@5 | coverage |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for generation in metrics["generations"]:
        for split in ("val", "test"):
            m = generation["metrics"].get(split)
            if m:
                lines.append(
                    f"| {generation['generation']} | {split} | {m['n']} | {m['mae']:.2f} "
                    f"| {m['bias']:+.2f} | {m['ca5']:.1%} | {m['cs5']:.1%} | {m['coverage']:.1%} |"
                )
    for split in [s for s in ("test", "val") if s in metrics][:1]:
        lines += ["", f"By true age, {split} split:", "", "| ages | n | MAE | bias |"]
        lines += ["|---|---|---|---|"]
        lines += [
            f"| {row['ages']} | {row['n']} | {row['mae']:.2f} | {row['bias']:+.2f} |"
            for row in metrics[split]["by_age"]
        ]
        for key, title in (("by_gender", "gender"), ("by_group", "group")):
            if key in metrics[split]:
                lines += ["", f"| {title} | n | MAE |", "|---|---|---|"]
                lines += [
                    f"| {name} | {row['n']} | {row['mae']:.2f} |"
                    for name, row in metrics[split][key].items()
                ]
    lines += [
        "",
        "## Use and limits",
        "",
        "For research and for aggregate or assistive uses where an error of the size above does no "
        "harm. Not a means of identification, and not of a decision about a person. Errors differ "
        "between ages and groups; see the tables. The weights carry the terms of the data they "
        "were trained on.",
        "",
        "```python",
        "import agekit",
        "",
        'agekit.load("path/to/this/folder").predict(["face.jpg"])',
        "```",
        "",
    ]
    return "\n".join(lines)
