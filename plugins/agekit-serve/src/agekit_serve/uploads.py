"""Photos of requests, in memory alone, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from agekit_serve.settings import Settings

__all__ = ["Refused", "Room", "Upload", "read_uploads"]

_DISCARDED = 4
"""Of `max_bytes`: what of a request that is too large is still taken."""
_HOW = "send the photo as the body, or photos as the parts `file` of multipart/form-data"


class Refused(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        reason: in a sentence.
        hint: how to mend it.
        headers: to answer with.
    """

    def __init__(
        self, status: int, reason: str, hint: str = "", headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.hint = hint
        self.headers = headers or {}


class Upload(NamedTuple):
    """A photo that was sent.

    Args:
        name: as the client calls it.
        data: of the file.
    """

    name: str
    data: bytes


class Room:
    """The memory for requests, shared by all.

    Args:
        free: bytes.
    """

    def __init__(self, free: int) -> None:
        self.free = free

    def take(self, size: int) -> None:
        """Takes some of it.

        Raises:
            Refused: there is not as much.
        """
        if size > self.free:
            raise Refused(503, "too much is being sent at once", "come back", {"Retry-After": "2"})
        self.free -= size


class _InMemory(MultiPartParser):
    """Keeps every part in memory: what is sent never touches a disk."""

    spool_max_size = 1 << 62


@asynccontextmanager
async def read_uploads(
    request: Request, settings: Settings, room: Room
) -> AsyncIterator[list[Upload]]:
    """The photos of a request; the memory is given back when the block ends.

    Raises:
        Refused: it is too large (413), too slow (408), of another kind (415), broken (400), holds
            no photo or too many (422, 413), or too much else is being sent (503).
    """
    taken = sent = 0
    body = bytearray()
    try:
        most = settings.max_bytes
        over = (told := _length(request)) is not None and told > most
        if over and told is not None and told > _DISCARDED * most:
            raise _too_large(settings)
        try:
            async with asyncio.timeout(settings.timeout):
                async for chunk in request.stream():
                    sent += len(chunk)
                    over = over or sent > most
                    if sent > _DISCARDED * most:
                        raise _too_large(settings)
                    if over:
                        # Taken and forgotten: who is cut off while sending does not see why.
                        body.clear()
                        continue
                    room.take(len(chunk))
                    taken += len(chunk)
                    body += chunk
        except TimeoutError:
            told_in = f"the request was not sent within {settings.timeout:g} seconds"
            raise Refused(408, told_in, headers={"Connection": "close"}) from None
        except ClientDisconnect:
            raise Refused(400, "the client went away") from None
        if over:
            raise _too_large(settings)
        yield await _photos(request, bytes(body), settings)
    finally:
        room.free += taken


def _length(request: Request) -> int | None:
    told = request.headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else None


def _too_large(settings: Settings) -> Refused:
    reason = f"the request is larger than {settings.max_bytes:,} bytes"
    return Refused(413, reason, "send fewer or smaller photos", {"Connection": "close"})


async def _photos(request: Request, body: bytes, settings: Settings) -> list[Upload]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("image/") or kind == "application/octet-stream":
        photos = [Upload("", body)] if body else []
    elif kind == "multipart/form-data":
        photos = await _parts(request, body, settings)
    else:
        raise Refused(415, f"content of the type {kind[:80] or 'nothing'!r} is not taken", _HOW)
    if not photos:
        raise Refused(422, "there is no photo in the request", _HOW)
    return photos


async def _parts(request: Request, body: bytes, settings: Settings) -> list[Upload]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = _InMemory(
        request.headers, stream(), max_files=settings.max_files, max_fields=settings.max_files
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if "files" in error.message.lower():
            reason = f"there are more than {settings.max_files} photos in the request"
            raise Refused(413, reason, "send them in several") from None
        raise Refused(400, f"the form is broken: {error.message}", _HOW) from None
    except (KeyError, ValueError, UnicodeError) as error:
        raise Refused(400, f"the form is broken: {error}", _HOW) from None
    try:
        sent = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        return [Upload(one.filename or "", await one.read()) for one in sent]
    finally:
        await form.close()
