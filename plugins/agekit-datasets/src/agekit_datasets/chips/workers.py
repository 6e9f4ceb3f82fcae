"""Processes that work through blocks of rows, and give up when the one that started them ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, Protocol, TypeVar

from agekit.errors import AgekitError, DataError

__all__ = ["Work", "run_blocks", "serve"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Block = Sequence[int]
_AHEAD = 2
"""Blocks a process has at hand, so that it never waits for the next."""


class Work(Protocol[T_co]):
    """The task of the processes; it is pickled to each."""

    def open(self) -> Callable[[Block], Sequence[T_co]]:
        """Loads what is needed, in the process; gives the function of one block of rows."""


def run_blocks(
    work: Work[T], blocks: Iterable[Block], workers: int
) -> Generator[tuple[Block, Sequence[T]], None, None]:
    """Does the blocks in processes of their own and gives each with its results as it is done.

    The processes write nothing; closing the iterator, or the end of this process in any way, ends
    them.

    Args:
        work: what to do.
        blocks: rows, each block done as one.
        workers: how many processes.

    Raises:
        AgekitError: of the work; one for a process that died.
    """
    todo = iter(blocks)
    crew = [_Worker[T](work) for _ in range(workers)]
    try:
        busy = {member.pipe: member for member in crew}
        for member in [*crew] * _AHEAD:
            member.give(next(todo, None))
        while busy := {pipe: member for pipe, member in busy.items() if member.blocks}:
            for pipe in wait(list(busy)):
                member = busy[pipe]  # type: ignore[index]
                done = member.take()
                member.give(next(todo, None))
                yield done
    finally:
        for member in crew:
            member.stop()


class _Worker(Generic[T]):
    """One process and the blocks it was given."""

    def __init__(self, work: Work[T]) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.blocks: list[Block] = []
        self._send(work)

    def give(self, block: Block | None) -> None:
        if block is not None:
            self.blocks.append(block)
            self._send(block)

    def take(self) -> tuple[Block, Sequence[T]]:
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise self._died() from None
        if isinstance(answer, AgekitError):
            raise answer
        return self.blocks.pop(0), answer

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join()

    def _send(self, message: object) -> None:
        try:
            self.pipe.send(message)
        except OSError:
            raise self._died() from None

    def _died(self) -> DataError:
        self.process.join(timeout=5)
        return DataError(
            f"a worker process ended by itself (exit status {self.process.exitcode})",
            "if the memory was full, use fewer --workers; what is done is kept, so run it again",
        )


def serve(pipe: Connection) -> None:
    """The main function of a worker process, which ends with the one that started it.

    What its work prints goes to stderr: stdout belongs to the command's answer.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)
    try:
        work: Work[object] = pipe.recv()
        try:
            do = work.open()
            while True:
                pipe.send(do(pipe.recv()))
        except AgekitError as error:
            pipe.send(error)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
