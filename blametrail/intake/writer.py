"""Group commit: whatever arrives while one batch is being committed is the next batch."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, connection
from django.utils import timezone

from blametrail.intake import deliveries
from blametrail.intake.deliveries import Arrival

log = structlog.get_logger()

MOST_PER_BATCH = 500
MOST_WAITING = 2_000
WRITE_LIMIT = timedelta(seconds=10)  # the sender has long hung up; what counts is that requests do not pile up
BETWEEN_WAKES = timedelta(milliseconds=50)
# Something in one row, not the database, is at fault: PostgreSQL says ValueError to a NUL character.
ROWS_AT_FAULT = (DataError, IntegrityError, ValueError, TypeError)
CONNECTION_AT_FAULT = (OperationalError, InterfaceError)


class NotStored(Exception):
    """The delivery is not stored, or it is not known to be: the sender should try again."""


@dataclass
class _Waiting:
    arrival: Arrival
    stored: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Writer:
    """Store deliveries in as few commits as keep up with them. One of these runs in each web process.

    ``wake`` is called after commits, from a thread of its own, never more than once at a time.
    """

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake

    async def start(self) -> None:
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._wake_wanted = asyncio.Event()
        self._is_open = True
        # One thread, so that the connection it opens is used by no one else and stays open.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="deliveries")
        self._writing = asyncio.create_task(self._write_batches())
        self._waking = asyncio.create_task(self._wake_worker())

    async def stop(self) -> None:
        """Store what was taken in, then stop."""
        self._is_open = False
        self._queue.put_nowait(None)
        await self._writing
        self._waking.cancel()
        await asyncio.gather(self._waking, return_exceptions=True)
        if self._wake_wanted.is_set():
            await asyncio.to_thread(self._wake)
        await asyncio.get_running_loop().run_in_executor(self._thread, _close_connection)
        self._thread.shutdown()

    async def write(self, arrival: Arrival) -> None:
        """Return once ``arrival`` is durably stored. Raises NotStored."""
        if not self._is_open or self._queue.qsize() >= MOST_WAITING:
            raise NotStored("Too many deliveries are waiting to be stored.")
        waiting = _Waiting(arrival)
        self._queue.put_nowait(waiting)
        try:
            async with asyncio.timeout(WRITE_LIMIT.total_seconds()):
                await waiting.stored
        except TimeoutError:
            raise NotStored("Storing took too long.") from None

    async def _write_batches(self) -> None:
        loop = asyncio.get_running_loop()
        while (first := await self._queue.get()) is not None:
            batch = [waiting for waiting in self._gather(first) if not waiting.stored.done()]
            failures = await loop.run_in_executor(self._thread, _store, [waiting.arrival for waiting in batch])
            for waiting, failure in zip(batch, failures, strict=True):
                _answer(waiting, failure)
            if None in failures:
                self._wake_wanted.set()

    def _gather(self, first: _Waiting) -> list[_Waiting]:
        batch = [first]
        while len(batch) < MOST_PER_BATCH and not self._queue.empty():
            waiting = self._queue.get_nowait()
            if waiting is None:
                self._queue.put_nowait(None)  # the sign to stop: write this batch first
                break
            batch.append(waiting)
        return batch

    async def _wake_worker(self) -> None:
        while True:
            await self._wake_wanted.wait()
            self._wake_wanted.clear()
            await asyncio.to_thread(self._wake)
            await asyncio.sleep(BETWEEN_WAKES.total_seconds())


def _answer(waiting: _Waiting, failure: Exception | None) -> None:
    if waiting.stored.done():  # it gave up waiting
        return
    if failure is None:
        waiting.stored.set_result(None)
    else:
        waiting.stored.set_exception(NotStored(f"The database did not take it ({type(failure).__name__})."))


def _store(arrivals: Sequence[Arrival]) -> list[Exception | None]:
    """Store ``arrivals``; return for each what went wrong, or None. Runs in the writer's thread; never raises."""
    failure = _try(arrivals)
    if isinstance(failure, CONNECTION_AT_FAULT):
        failure = _try(arrivals)  # over a new connection: the database may just have been restarted
    if isinstance(failure, ROWS_AT_FAULT) and len(arrivals) > 1:
        return [_try([arrival]) for arrival in arrivals]
    return [failure] * len(arrivals)


def _try(arrivals: Sequence[Arrival]) -> Exception | None:
    try:
        deliveries.store(arrivals, now=timezone.now())
    except Exception as error:  # every waiting request must be answered, whatever it was
        log.exception("intake.not_stored", deliveries=len(arrivals))
        connection.close()
        return error
    return None


def _close_connection() -> None:
    connection.close()  # looked up here, in the thread whose connection it is
