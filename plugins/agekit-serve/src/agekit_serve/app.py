"""The service: its paths, what each takes and answers, and its figures."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.exceptions import HTTPException

from agekit.errors import AgekitError
from agekit.plugin import core_version
from agekit_serve.batches import Batches, Wanted
from agekit_serve.page import page
from agekit_serve.settings import Settings
from agekit_serve.uploads import Refused, Room, read_uploads

__all__ = ["make_app"]

_PHOTOS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}}
                    },
                }
            },
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
_PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG"}
_METRICS = "text/plain; version=0.0.4; charset=utf-8"


class _Figures:
    """What `/metrics` tells of this process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "agekit_requests", "Requests answered.", ["path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "agekit_request_seconds",
            "From the head of a request to its answer.",
            ["path"],
            registry=self.registry,
        )
        self.photos = Histogram(
            "agekit_batch_photos",
            "Photos looked at together.",
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32, 64),
        )
        self.waiting = Gauge("agekit_waiting", "Requests that wait.", registry=self.registry)
        process = Gauge("agekit_process", "Which process tells.", ["pid"], registry=self.registry)
        process.labels(str(os.getpid())).set(1)


def make_app(predictor: Any, settings: Settings, ager: Any = None) -> FastAPI:
    """The service as an ASGI application.

    Args:
        predictor: an estimator, as `agekit.plugin.load` gives it.
        settings: its bounds.
        ager: what answers `/age`; None leaves that out.
    """
    figures = _Figures()
    # A line for each broken form is a log that others can fill.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    batches = Batches(predictor, settings, ager, figures.photos.observe)
    figures.waiting.set_function(lambda: batches.waiting)
    room = Room(settings.room)

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        work = asyncio.create_task(batches.work())
        yield
        work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    app = FastAPI(
        title="agekit",
        version=core_version(),
        description=f"Ages of faces by the model {predictor.name}. Photos are kept nowhere.",
        docs_url=None,
        redoc_url=None,
        lifespan=living,
    )

    @app.post("/predict", openapi_extra=_PHOTOS, summary="The ages of the faces of photos")
    async def predict(
        request: Request, faces: Literal["all", "largest"] = "all", distribution: bool = False
    ) -> Response:
        """As `agekit predict --json`; a picture of one photo with `Accept: image/png`."""
        batches.check_room()
        picture = _picture(request)
        async with read_uploads(request, settings, room) as uploads:
            if picture is not None:
                return await _drawn(batches, uploads, Wanted("picture", faces, format=picture))
            answered = await batches.answer(uploads, Wanted("data", faces, distribution))
        if all(one["error"] is not None for one in answered.data):
            body = {"error": answered.data[0]["error"], "photos": answered.data}
            return JSONResponse(body, 422)
        return JSONResponse(answered.data)

    if ager is not None:

        @app.post("/age", openapi_extra=_PHOTOS, summary="The faces of a photo, older or younger")
        async def age(
            request: Request, to: str | None = None, faces: Literal["all", "largest"] = "all"
        ) -> Response:
            """A picture, PNG or by `Accept: image/jpeg`; `to` is old, young, or an age."""
            batches.check_room()
            form = _picture(request) or "PNG"
            wanted = Wanted("aged", faces, format=form, to=_age(to))
            async with read_uploads(request, settings, room) as uploads:
                return await _drawn(batches, uploads, wanted)

    @app.get("/health", summary="Whether it can answer")
    async def health() -> dict[str, Any]:
        """The model, and how many requests wait."""
        told = {"status": "ok", "model": predictor.name, "ager": getattr(ager, "name", None)}
        return told | {"waiting": batches.waiting, "agekit": core_version()}

    @app.get("/metrics", summary="Figures for Prometheus")
    async def metrics() -> Response:
        """Of the process that answers."""
        return Response(generate_latest(figures.registry), media_type=_METRICS)

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(
            page(app.openapi(), settings), headers={"Content-Security-Policy": _CSP}
        )

    _tell_errors(app)
    _measure(app, figures)
    return app


_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'"


def _picture(request: Request) -> str | None:
    """The format of the picture that is wanted in place of data, if one is."""
    accepted = request.headers.get("accept", "").split(",")
    kinds = [one.partition(";")[0].strip().lower() for one in accepted]
    if any(kind in ("application/json", "*/*", "") for kind in kinds[:1]):
        return None
    found = next((_PICTURES[kind] for kind in kinds if kind in _PICTURES), None)
    if found and find_spec("matplotlib") is None:
        reason = "pictures are not drawn here: matplotlib is not installed"
        raise Refused(406, reason, "pip install 'agekit-core[figures]' on the server")
    return found


def _age(to: str | None) -> str | float | None:
    if to is None or to in ("old", "young"):
        return to
    try:
        return float(to)
    except ValueError:
        raise Refused(422, f"to={to[:40]!r} is neither old, young nor an age in years") from None


async def _drawn(batches: Batches, uploads: Any, wanted: Wanted) -> Response:
    if len(uploads) > 1:
        raise Refused(422, f"a picture is made of one photo, not of {len(uploads)}")
    answered = await batches.answer(uploads, wanted)
    kind = next(kind for kind, name in _PICTURES.items() if name == wanted.format)
    return Response(answered.picture, media_type=kind)


def _tell_errors(app: FastAPI) -> None:
    """Every error is `{"error", "hint"}`, whoever raises it."""

    def told(status: int, reason: str, hint: str = "", headers: Any = None) -> JSONResponse:
        return JSONResponse({"error": reason, "hint": hint}, status, headers=headers)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return told(error.status, error.reason, error.hint, error.headers)

    @app.exception_handler(AgekitError)
    async def unusable(request: Request, error: AgekitError) -> Response:
        return told(422, error.message, error.hint or "")

    @app.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        return told(error.status_code, str(error.detail), "see /docs", error.headers)

    @app.exception_handler(Exception)
    async def broken(request: Request, error: Exception) -> Response:
        return told(500, f"the service failed: {type(error).__name__}", "its log says more")

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(map(str, first.get("loc", ())[1:]))
        return told(422, f"{where}: {first.get('msg', 'is not taken')}", "see /docs")


def _measure(app: FastAPI, figures: _Figures) -> None:
    paths = {"/predict", "/age", "/health", "/metrics", "/", "/docs", "/openapi.json"}

    @app.middleware("http")
    async def measured(
        request: Request, answer: Callable[[Request], Awaitable[Response]]
    ) -> Response:
        began = time.perf_counter()
        path = request.url.path if request.url.path in paths else "other"
        status = 500
        try:
            response = await answer(request)
            status = response.status_code
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Cache-Control"] = "no-store"
            return response
        finally:
            figures.requests.labels(path, str(status)).inc()
            figures.seconds.labels(path).observe(time.perf_counter() - began)
