"""How to run a model, for its card."""

from __future__ import annotations

from shlex import quote

from agekit.zoo.cards.text import clean, code, mapping
from agekit.zoo.config import ModelConfig

__all__ = ["use_section"]


def use_section(config: ModelConfig, command: str, python: str, options: str = "") -> list[str]:
    """Commands and Python, in blocks of Markdown.

    Args:
        config: the model's configuration.
        command: the command line that runs MODEL.
        python: the same in Python.
        options: of ``agekit evaluate``, a space before each.
    """
    needs = ", ".join(code(f"{name} {version}") for name, version in config.requires.items())
    dataset = quote(clean(config.trained.get("dataset") or "DATASET"))
    root = " --root DIR" if mapping(config.trained, "data").get("needs_root", True) else ""
    return [
        "## Use",
        "\n".join(
            [
                "```",
                command,
                f"agekit evaluate MODEL {dataset}{root}{options}",
                "agekit zoo pull MODEL",
                "```",
            ]
        ),
        f"```python\n{python}\n```",
        "MODEL is this folder, a name of `agekit zoo list`, or `hf-hub:OWNER/NAME@REVISION` with "
        "the commit, so that what is run cannot change unseen."
        + (f" It needs {needs}." if needs else "")
        + " Nothing in this folder is run as code: the weights are safetensors.",
    ]
