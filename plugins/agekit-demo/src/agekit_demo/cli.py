"""``agekit demo``."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agekit.errors import ConfigError

if TYPE_CHECKING:
    from agekit_demo.site import Site

__all__ = ["demo"]


@click.command()
@click.option(
    "--model",
    metavar="MODEL",
    help="A model of the zoo or the Hub, a run or model folder, or an .onnx file.  [default: the "
    "zoo's]",
)
@click.option(
    "--ager",
    metavar="MODEL",
    help="What makes the faces older and younger: an ager by age, as --model takes it, or none.  "
    "[default: the zoo's]",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write the page to a folder, for any web server of static files, and serve nothing.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Where to serve it, on this machine alone.  [default: a free one]",
)
@click.option("--no-open", is_flag=True, help="Serve the page without opening a browser.")
def demo(model: str | None, ager: str | None, out: Path | None, port: int, no_open: bool) -> None:
    """Open a page that estimates ages in the browser.

    It takes photos, or the camera, finds the faces, draws their ages with intervals and
    distributions, and makes them older and younger. All of it happens in the browser: nothing
    leaves the machine, and nothing is fetched. Prints where the page is; Ctrl-C ends it.
    """
    if out is not None and (port or no_open):
        raise click.UsageError("--out serves nothing: leave out --port and --no-open.")
    from agekit_demo.site import make_site, write_site

    site = make_site(model, {None: "default", "none": None}.get(ager, ager))
    if out is not None:
        write_site(site, out)
        click.echo(out)
        return
    _serve(site, port, not no_open)


def _serve(site: Site, port: int, show: bool) -> None:
    import webbrowser

    from agekit_demo.server import PageServer

    try:
        server = PageServer(site, port)
    except OSError as error:
        raise ConfigError(
            f"the page cannot be served on port {port}: {error.strerror}", "take another --port"
        ) from error
    with server:
        click.echo(server.address)
        if show and not webbrowser.open(server.address):
            click.echo("no browser could be opened: open the address yourself", err=True)
        click.echo("serving the page to this machine alone; Ctrl-C ends it", err=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()
