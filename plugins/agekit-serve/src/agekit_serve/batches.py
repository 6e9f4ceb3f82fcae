"""One model for all requests: those that wait are looked at together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

from PIL import Image

from agekit.errors import AgekitError, DataError
from agekit.plugin import decode
from agekit_serve.settings import Settings
from agekit_serve.uploads import Refused, Upload

__all__ = ["Answered", "Batches", "Wanted"]

_GROUP_PIXELS = 16_000_000


@dataclass(frozen=True)
class Wanted:
    """What is to be made of photos.

    Args:
        what: the answers as data, a picture of the first, or the first made older.
        faces: all of a photo, or the largest.
        distribution: adds the distribution of each age.
        format: of a picture, as Pillow calls it.
        to: how the faces are to look: ``old``, ``young``, or an age in years.
    """

    what: Literal["data", "picture", "aged"] = "data"
    faces: Literal["all", "largest"] = "all"
    distribution: bool = False
    format: str = "PNG"
    to: str | float | None = None


@dataclass
class Answered:
    """What was made of the photos of one request.

    Args:
        data: of each, as `agekit predict --json` has it.
        picture: the file, where one was wanted.
    """

    data: list[dict[str, Any]]
    picture: bytes | None = None


@dataclass(eq=False)
class _Job:
    uploads: Sequence[Upload]
    wanted: Wanted
    future: asyncio.Future[Answered]


class Batches:
    """Answers requests one batch after the other, in a thread of their own.

    Args:
        predictor: an estimator, as `agekit.plugin.load` gives it.
        settings: of the service.
        ager: what makes faces older, or None.
        counted: is told how many photos each batch has.
    """

    def __init__(
        self,
        predictor: Any,
        settings: Settings,
        ager: Any = None,
        counted: Callable[[int], None] = lambda photos: None,
    ) -> None:
        self.predictor = predictor
        self.ager = ager
        self.settings = settings
        self.waiting = 0
        self._counted = counted
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, "agekit")

    def check_room(self) -> None:
        """Refuses a request where too many wait already.

        Raises:
            Refused: with 503, and when to come back.
        """
        if self.waiting >= self.settings.max_waiting:
            reason = f"{self.waiting} requests wait already"
            raise Refused(503, reason, "come back", {"Retry-After": "2"})

    async def answer(self, uploads: Sequence[Upload], wanted: Wanted) -> Answered:
        """The answers about some photos.

        Raises:
            Refused: too many wait (503), or they waited too long (503).
            DataError: the picture of a photo that cannot be read was wanted.
        """
        self.check_room()
        job = _Job(uploads, wanted, asyncio.get_running_loop().create_future())
        self.waiting += 1
        try:
            self._queue.put_nowait(job)
            async with asyncio.timeout(self.settings.answer_within):
                return await job.future
        except TimeoutError:
            reason = f"not answered within {self.settings.answer_within:g} seconds"
            raise Refused(503, reason, "come back", {"Retry-After": "10"}) from None
        finally:
            self.waiting -= 1

    async def work(self) -> None:
        """Takes what waits, for as long as the service lives."""
        loop = asyncio.get_running_loop()
        while True:
            jobs = [await self._queue.get()]
            photos = len(jobs[0].uploads)
            while photos < self.settings.batch_size and not self._queue.empty():
                jobs.append(self._queue.get_nowait())
                photos += len(jobs[-1].uploads)
            # Who went away, or waited too long, is not worked for.
            jobs = [job for job in jobs if not job.future.done()]
            if not jobs:
                continue
            self._counted(sum(len(job.uploads) for job in jobs))
            results = await loop.run_in_executor(self._thread, self._answers, jobs)
            for job, result in zip(jobs, results, strict=True):
                if job.future.done():
                    continue
                if isinstance(result, Exception):
                    job.future.set_exception(result)
                else:
                    job.future.set_result(result)

    def _answers(self, jobs: Sequence[_Job]) -> list[Answered | Exception]:
        """The answer to each job, or its error; one that fails does not fail the others."""
        found: list[Answered | Exception] = []
        plain = [job for job in jobs if job.wanted.what == "data"]
        try:
            photos = self._predicted([one for job in plain for one in job.uploads])
        except Exception as error:
            if len(plain) > 1:
                return [answer for job in jobs for answer in self._answers([job])]
            return [error if job.wanted.what == "data" else self._picture(job) for job in jobs]
        each = iter(photos)
        for job in jobs:
            if job.wanted.what == "data":
                found.append(Answered([_data(next(each), job.wanted) for _ in job.uploads]))
            else:
                found.append(self._picture(job))
        return found

    def _predicted(self, uploads: Sequence[Upload]) -> list[tuple[str, Any]]:
        """Of each photo its name, and its faces or why it cannot be read."""
        found: list[tuple[str, Any]] = []
        group: list[tuple[int, Any]] = []
        for one in uploads:
            try:
                pixels = self._pixels(one)
            except DataError as error:
                found.append((one.name, error))
                continue
            found.append((one.name, ()))
            group.append((len(found) - 1, pixels))
            if sum(p.size // 3 for _, p in group) > _GROUP_PIXELS:
                self._fill(found, group)
        self._fill(found, group)
        return found

    def _fill(self, found: list[tuple[str, Any]], group: list[tuple[int, Any]]) -> None:
        """Puts in the predictions of a group, and empties it."""
        if group:
            predictions = self.predictor.predict([pixels for _, pixels in group])
            for (place, _), prediction in zip(group, predictions, strict=True):
                found[place] = (found[place][0], prediction)
        group.clear()

    def _pixels(self, upload: Upload) -> Any:
        return decode(upload.data, None, upload.name or "photo", most=self.settings.max_pixels)

    def _picture(self, job: _Job) -> Answered | Exception:
        """A photo with its faces marked, or made older."""
        try:
            [upload] = job.uploads
            pixels = self._pixels(upload)
            if job.wanted.what == "aged":
                [aged] = self.ager.age([pixels], job.wanted.to, faces=job.wanted.faces)
                if aged.error is not None or aged.after is None:
                    raise DataError(aged.error or "no face was found")
                picture = Image.fromarray(aged.after)
            else:
                [prediction] = self.predictor.predict([pixels], faces=job.wanted.faces)
                picture = prediction.plot()
            file = BytesIO()
            picture.save(file, job.wanted.format)
            return Answered([], file.getvalue())
        except Exception as error:
            return error


def _data(found: tuple[str, Any], wanted: Wanted) -> dict[str, Any]:
    """A photo's answer as `agekit predict --json` has it."""
    name, prediction = found
    if isinstance(prediction, AgekitError):
        hint = f" ({prediction.hint})" if prediction.hint else ""
        return {"path": name, "faces": [], "error": prediction.message + hint}
    out: dict[str, Any] = prediction.to_dict(wanted.distribution) | {"path": name}
    if wanted.faces == "largest":
        out["faces"] = out["faces"][:1]
    return out
