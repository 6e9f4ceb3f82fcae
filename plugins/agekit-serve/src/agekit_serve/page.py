"""The page of the service: what it takes, and a form to try it; without scripts, offline too."""

from __future__ import annotations

from html import escape
from typing import Any

from agekit_serve.settings import Settings

__all__ = ["page"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>agekit serve</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto }}
body {{ padding: 0 1rem }}
code, pre {{ font-family: ui-monospace, monospace }} pre {{ overflow-x: auto }}
dt {{ font-weight: 600; margin-top: 1rem }}
</style></head><body>
<h1>{title}</h1>
<p>{about}</p>
<form action="/predict" method="post" enctype="multipart/form-data">
<label>Photos: <input type="file" name="file" accept="image/*" multiple required></label>
<button>Predict</button></form>
<dl>{paths}</dl>
<p>At most {files} photos and {size:,} bytes a request, {pixels:,} pixels a photo, sent within
{seconds:g} seconds. Errors are <code>{{"error", "hint"}}</code>: 413 too large, 415 another kind of
content, 422 no photo or none that can be read, 503 too busy (<code>Retry-After</code> says when to
come back).</p>
<pre>curl -F file=@photo.jpg {address}/predict
curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' -H 'Accept: image/png' \\
     {address}/predict &gt; drawn.png</pre>
<p><a href="/openapi.json">openapi.json</a> describes it all for programs.</p>
</body></html>
"""


def page(openapi: dict[str, Any], settings: Settings) -> str:
    """The page, as HTML.

    Args:
        openapi: the service as OpenAPI describes it.
        settings: its bounds.
    """
    paths = "".join(
        f"<dt><code>{method.upper()} {escape(path)}</code></dt>"
        f"<dd>{escape(about.get('summary', ''))}. {escape(about.get('description', ''))}"
        f"{_options(about)}</dd>"
        for path, methods in openapi["paths"].items()
        for method, about in methods.items()
    )
    return _PAGE.format(
        title=f"{escape(openapi['info']['title'])} {escape(openapi['info']['version'])}",
        about=escape(openapi["info"]["description"]),
        paths=paths,
        files=settings.max_files,
        size=settings.max_bytes,
        pixels=settings.max_pixels,
        seconds=settings.timeout,
        address=f"http://{escape(settings.host)}:{settings.port}",
    )


def _options(about: dict[str, Any]) -> str:
    names = ", ".join(
        f"<code>?{escape(one['name'])}=</code>" for one in about.get("parameters", ())
    )
    return f" {names}" if names else ""
