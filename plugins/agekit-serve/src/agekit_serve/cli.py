"""``agekit serve``."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import click

from agekit.cli.options import FloatRange, batch_size_option, device_option, runtime_option
from agekit.errors import MissingLibraryError

__all__ = ["serve"]

_NEEDED = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option(
    "--model",
    metavar="MODEL",
    help="A zoo name, hf-hub:ORG/REPO[@REVISION], a model folder, a run folder, or an .onnx file; "
    "else the zoo's default estimator.",
)
@click.option(
    "--ager",
    metavar="MODEL",
    help="Also answer POST /age, by this ager; `default` takes the zoo's.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes, each with the model in memory; one uses all cores for its networks. Of "
    "several, /metrics tells of the one that answers.",
)
@click.option(
    "--max-bytes",
    type=click.IntRange(1),
    default=20_000_000,
    show_default=True,
    help="The largest request.",
)
@click.option(
    "--max-files",
    type=click.IntRange(1),
    default=16,
    show_default=True,
    help="The most photos of one request.",
)
@click.option(
    "--max-pixels",
    type=click.IntRange(1),
    default=50_000_000,
    show_default=True,
    help="The largest photo, refused by its header.",
)
@click.option(
    "--max-waiting",
    type=click.IntRange(1),
    default=32,
    show_default=True,
    help="Requests that may wait for the model; others are told to come back (503).",
)
@click.option(
    "--timeout",
    type=FloatRange(0.1),
    default=15.0,
    show_default=True,
    help="Seconds that a client has to send a request.",
)
@batch_size_option(16, "photos of all that wait are looked at together")
@runtime_option
@device_option
def serve(**options: Any) -> None:
    """Serve ages over HTTP: photos in, JSON or drawn pictures out.

    POST /predict takes photos and answers as `agekit predict --json` does; / says how. Nothing is
    kept: a photo is in memory until it is answered, and nowhere else. Prints the address; Ctrl-C
    or SIGTERM ends it when what was begun is answered.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        told = f"agekit serve needs {', '.join(missing)}, which are not installed"
        raise MissingLibraryError(told, "pip install 'agekit-serve[serve]'")
    from agekit_serve.server import run
    from agekit_serve.settings import Settings

    run(Settings(**options))
