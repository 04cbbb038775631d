"""Group commit: whatever arrives while one batch is being committed is the next batch.

When the database does not take a batch in time, the spool does, and everything goes there until the database takes
what is in the spool.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from blametrail.intake import deliveries, meters, spooling
from blametrail.intake.deliveries import Arrival
from blametrail.intake.spool import Spool
from blametrail.intake.spooling import ROWS_AT_FAULT

log = structlog.get_logger()

MOST_PER_BATCH = 500
MOST_WAITING = 2_000
WRITE_LIMIT = timedelta(seconds=10)  # the sender has long hung up; what counts is that requests do not pile up
BETWEEN_WAKES = timedelta(milliseconds=50)
DATABASE_PATIENCE = timedelta(seconds=0.4)  # the rest of Sentry's one second is for the spool and the way
BETWEEN_DRAINS = timedelta(seconds=0.5)
BETWEEN_LOOKS = timedelta(seconds=30)  # for what other processes left
STOP_LIMIT = timedelta(seconds=2)
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

    def __init__(self, wake: Callable[[], object], *, spool: Spool) -> None:
        self._wake = wake
        self._spool = spool

    async def start(self) -> None:
        self._queue: asyncio.Queue[_Waiting | None] = asyncio.Queue()
        self._wake_wanted = asyncio.Event()
        self._is_open = True
        self._database_is_away = False
        self._drain_wanted = asyncio.Event()
        self._drain_wanted.set()  # a process before this one may have left something
        # One thread, so that the connection it opens is used by no one else and stays open.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="deliveries")
        self._spool_thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._writing = asyncio.create_task(self._write_batches())
        self._waking = asyncio.create_task(self._wake_worker())
        self._draining = asyncio.create_task(self._drain())

    async def stop(self) -> None:
        """Store what was taken in, then stop."""
        self._is_open = False
        self._queue.put_nowait(None)
        await self._writing
        self._waking.cancel()
        self._draining.cancel()
        await asyncio.gather(self._waking, self._draining, return_exceptions=True)
        if self._wake_wanted.is_set():
            await asyncio.to_thread(self._wake)
        closing = asyncio.get_running_loop().run_in_executor(self._thread, _close, self._spool)
        # A database that hangs must not keep the process: all that was answered is in the spool.
        await asyncio.wait({closing}, timeout=STOP_LIMIT.total_seconds())
        self._thread.shutdown(wait=False)
        self._spool_thread.shutdown()

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
        while (first := await self._queue.get()) is not None:
            batch = [waiting for waiting in self._gather(first) if not waiting.stored.done()]
            arrivals = [waiting.arrival for waiting in batch]
            for waiting, failure in zip(batch, await self._keep(arrivals), strict=True):
                _answer(waiting, failure)

    async def _keep(self, arrivals: Sequence[Arrival]) -> list[Exception | None]:
        """Keep ``arrivals`` in the database or in the spool; return for each why it is in neither, or None."""
        failures: list[Exception | None] = [TimeoutError()] * len(arrivals)
        if not self._database_is_away:
            failures = await self._in_database(arrivals)
        left = [number for number, failure in enumerate(failures) if _may_pass(failure)]
        if left:
            failure = await self._in_spool([arrivals[number] for number in left])
            for number in left:
                failures[number] = failure
        return failures

    async def _in_database(self, arrivals: Sequence[Arrival]) -> list[Exception | None]:
        storing = asyncio.get_running_loop().run_in_executor(self._thread, _store, arrivals)
        # Not given up, only not waited for: should it be stored after all, it is under the same id as in the spool.
        await asyncio.wait({storing}, timeout=DATABASE_PATIENCE.total_seconds())
        if not storing.done():
            return [TimeoutError()] * len(arrivals)
        failures = storing.result()
        if None in failures:
            self._wake_wanted.set()
        return failures

    async def _in_spool(self, arrivals: Sequence[Arrival]) -> Exception | None:
        if not self._database_is_away:
            self._database_is_away = True
            log.warning("intake.database_is_away")
        failure = await asyncio.get_running_loop().run_in_executor(self._spool_thread, _spool, self._spool, arrivals)
        self._drain_wanted.set()
        return failure

    async def _drain(self) -> None:
        """Move to the database what is in the spool, from this process or a dead one, whenever it can be had."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BETWEEN_LOOKS.total_seconds()):
                    await self._drain_wanted.wait()
            self._drain_wanted.clear()
            if not await self._drain_all():
                self._drain_wanted.set()
            await asyncio.sleep(BETWEEN_DRAINS.total_seconds())

    async def _drain_all(self) -> bool:
        has_more = True
        while has_more:
            # In the database's thread: behind what it has not answered yet, and in turns with what newly arrives.
            drained = await asyncio.get_running_loop().run_in_executor(self._thread, _drain_some, self._spool)
            if drained is None:
                return False
            if self._database_is_away:
                self._database_is_away = False
                log.warning("intake.database_is_back")
            has_more = drained
            if has_more:
                self._wake_wanted.set()
        return True

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
        waiting.stored.set_exception(NotStored(f"It could not be kept ({type(failure).__name__})."))


def _may_pass(failure: Exception | None) -> bool:
    return failure is not None and not isinstance(failure, ROWS_AT_FAULT)


def _spool(spool: Spool, arrivals: Sequence[Arrival]) -> Exception | None:
    try:
        spooling.keep(spool, arrivals, now=timezone.now())
    except Exception as error:  # every waiting request must be answered, whatever it was
        log.exception("intake.not_spooled", deliveries=len(arrivals))
        return error
    meters.SPOOLED.inc(len(arrivals))
    return None


def _store(arrivals: Sequence[Arrival]) -> list[Exception | None]:
    """Store ``arrivals``; return for each what went wrong, or None. Runs in the writer's thread; never raises."""
    began_at = time.monotonic()
    failure = _try(arrivals)
    is_early = time.monotonic() - began_at < DATABASE_PATIENCE.total_seconds() / 2
    if isinstance(failure, CONNECTION_AT_FAULT) and is_early:
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


def _drain_some(spool: Spool) -> bool | None:
    """Tell whether there was something to drain; None if that failed. Runs in the writer's thread."""
    try:
        return spooling.store_some(spool)
    except Exception as error:  # noqa: BLE001 -- whatever it was, it is tried again soon and nothing is lost
        log.warning("intake.not_drained", error=type(error).__name__)
        connection.close()
        return None


def _close(spool: Spool) -> None:
    spool.close()
    connection.close()  # looked up here, in the thread whose connection it is
