"""The service at work: its socket, its processes, its end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import click
import uvicorn
from starlette.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from agekit.cli.options import model_or_default
from agekit.cli.output import say
from agekit.errors import ConfigError
from agekit.plugin import TASKS, load
from agekit_serve.app import make_app
from agekit_serve.settings import Settings

__all__ = ["run"]

_HEAD_WITHIN = 10.0
"""Seconds in which the head of a request must have come."""
_UNREAD = 30_000
"""Milliseconds after which a connection ends whose client takes no answer."""
_END_WITHIN = 10
_LOCAL = ("127.0.0.1", "::1", "localhost")


class Timed(H11Protocol):
    """HTTP, for clients that may hang: uvicorn itself waits for the head of a request for ever."""

    head_within = _HEAD_WITHIN
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begins to wait for a request."""
        super().connection_made(transport)
        made = transport.get_extra_info("socket")
        if made is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with suppress(OSError):
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNREAD)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Stops waiting once a request has begun."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops waiting."""
        super().connection_lost(exc)
        self._stop()

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch(self) -> None:
        if self._busy():
            self._stop()
        elif self._timer is None:
            self._timer = self.loop.call_later(self.head_within, self._give_up)

    def _give_up(self) -> None:
        self._timer = None
        if not self._busy() and not self.transport.is_closing():
            self.transport.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Ending:
    """An application whose requests, where the end of the service cuts them off, are told so.

    Args:
        app: the application.
    """

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request, or does what the application does of another kind of scope."""
        begun = False

        async def sent(message: Any) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except asyncio.CancelledError:
            if scope["type"] != "http":
                raise
            told = {"error": "the service is ending", "hint": "ask again"}
            if not begun:
                answer = JSONResponse(told, 503, headers={"Connection": "close"})
                await answer(scope, receive, send)


def run(settings: Settings) -> None:
    """Serves until it is told to end.

    Raises:
        ConfigError: the port is taken, or the address is not this machine's.
        ModelError: there is no such model.
    """
    made = _listen(settings)
    with made:
        settings = replace(settings, port=made.getsockname()[1])
        settings = replace(settings, model=model_or_default(settings.model, "estimator"))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        if settings.host not in _LOCAL:
            say(
                f"note: whoever reaches {settings.host} can use it: it knows no users and no "
                "passwords; put a proxy before it that does"
            )
        app = partial(_app, settings)
        if settings.workers == 1:
            # Made here, so that a model that is not there is told as any error.
            ready = app()
            app = partial(_itself, ready)
        config = uvicorn.Config(
            app,
            factory=True,
            http=Timed,
            lifespan="on",
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=True,
            limit_concurrency=settings.connections,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=_END_WITHIN,
            workers=settings.workers,
        )
        click.echo(f"http://{host}:{settings.port}/")
        sys.stdout.flush()
        # What uvicorn was told to end by, it raises again once it has ended.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with suppress(KeyboardInterrupt):
            if settings.workers == 1:
                uvicorn.Server(config).run([made])
            else:
                Multiprocess(config, [made]).run()


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    made = socket.socket(family)
    try:
        if sys.platform != "win32":
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((settings.host, settings.port))
        made.listen(256)
    except OSError as error:
        made.close()
        raise ConfigError(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}",
            "take another --port, or --host",
        ) from None
    made.set_inheritable(True)
    return made


def _app(settings: Settings) -> Any:
    """The application; made anew in each process, from settings alone."""
    predictor = load(settings.model, settings.device, settings.runtime)
    predictor.finder.detector  # noqa: B018
    ager = None
    if settings.ager is not None:
        name = None if settings.ager == "default" else settings.ager
        ager = TASKS.get("ager").load(name, settings.device, settings.runtime)
    return Ending(make_app(predictor, settings, ager))


def _itself(app: Any) -> Any:
    return app
