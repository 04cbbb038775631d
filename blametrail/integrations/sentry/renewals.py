"""Work off the renewals that are owed: several at once, each Sentry host at its own pace, the most urgent first."""

import threading
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import connections
from django.db.models import F, Min, Q, QuerySet

from blametrail.integrations.sentry import hosts, tokens
from blametrail.integrations.sentry.hosts import Pause
from blametrail.integrations.sentry.models import Connection
from blametrail.integrations.sentry.tokens import Claim, Clock, wall_clock
from blametrail.jobs import queue

log = structlog.get_logger()

BATCH = 50
SWEEP_EVERY = timedelta(minutes=1)  # see jobs.queue
# Then the worker may stop, if it was told to, and other jobs have their turn; what is left is owed by its rows.
ROUND_LASTS = timedelta(seconds=15)
LOOKS_EVERY = 1.0  # seconds: for what became due while others are in hand
MOST_HOSTS = 16  # lanes at once in one process; further hosts follow when one is done

# One round at a time in a process, or each wake-up would bring threads of its own. Who asks meanwhile is heard.
_one_round = threading.Lock()
_asked = threading.Event()


def renew_due(*, clock: Clock = wall_clock, pause: Pause = hosts.pause) -> int:
    """Renew every connection whose renewal is owed; return how many were renewed. Safe to run anywhere, any time."""
    renewed = 0
    _asked.set()
    while _asked.is_set() and _one_round.acquire(blocking=False):
        try:
            _asked.clear()
            renewed += _run_lanes(clock, pause)
            _next_call.ask_for(now=clock())
        finally:
            _one_round.release()
    return renewed


class _NextCall:
    """Asks to be woken at the moment when the next renewal is owed, rather than at the sweep after it."""

    def __init__(self) -> None:
        self._at: datetime | None = None

    def ask_for(self, *, now: datetime) -> None:
        owed = Connection.objects.filter(state__in=tokens.ALIVE, renew_at__gt=now)
        first = owed.aggregate(first=Min("renew_at"))["first"]
        if first is None or first - now > SWEEP_EVERY or self._is_asked_for(first, now=now):
            return
        self._at = first
        queue.wake("renewals", at=first)

    def _is_asked_for(self, moment: datetime, *, now: datetime) -> bool:
        # Or each round would begin a chain of calls of its own.
        return self._at is not None and now < self._at <= moment


_next_call = _NextCall()


def due(*, now: datetime) -> QuerySet[Connection]:
    """Return the connections whose renewal is owed and in nobody's hands."""
    free = Q(renewal_claim=None) | Q(renewal_claimed_until__lt=now)
    owed: QuerySet[Connection] = Connection.objects.filter(free, state__in=tokens.ALIVE, renew_at__lte=now)
    return owed


def _run_lanes(clock: Clock, pause: Pause) -> int:
    addresses = list(due(now=clock()).order_by("base_url").values_list("base_url", flat=True).distinct())
    if not addresses:
        return 0
    lanes = [_Lane(address, clock, pause) for address in addresses]
    with ThreadPoolExecutor(min(len(lanes), MOST_HOSTS), thread_name_prefix="renewals") as pool:
        return sum(pool.map(_Lane.run, lanes))


@dataclass
class _Lane:
    """The renewals at one host: what that host does, or fails to do, does not delay those at another."""

    base_url: str
    clock: Clock
    pause: Pause
    _waiting: deque[Connection] = field(default_factory=deque)

    def run(self) -> int:
        at_once = settings.ENVIRONMENT.sentry_renewals_at_once
        try:
            with ThreadPoolExecutor(at_once, thread_name_prefix="renewal") as pool:
                return self._work_off(pool, at_once)
        except Exception:
            log.exception("sentry.lane_broke", host=self.base_url)
            return 0
        finally:
            connections.close_all()

    def _work_off(self, pool: ThreadPoolExecutor, at_once: int) -> int:
        ends_at = self.clock() + ROUND_LASTS
        started: list[Future[bool]] = []
        running: set[Future[bool]] = set()
        while True:
            if self.clock() >= ends_at:
                queue.wake("renewals")
                break
            if len(running) < at_once:
                begun = self._begin_next(pool)
                if begun is not None:
                    started.append(begun)
                    running.add(begun)
                    continue
                # Nothing is owed, or the host is to be left in peace; one that is in hand may yet change either.
                if not running:
                    break
            running = wait(running, timeout=LOOKS_EVERY, return_when=FIRST_COMPLETED).not_done
        return sum(each.result() for each in started)

    def _begin_next(self, pool: ThreadPoolExecutor) -> Future[bool] | None:
        """Start the most urgent renewal when its turn has come; None if there is none, or none may start now."""
        while self._waiting or self._look():
            connection = self._waiting.popleft()
            claim = tokens.claim(connection, now=self.clock())
            if claim is None:
                continue  # somebody else has it in hand
            not_now = hosts.wait_for_turn(self.base_url, clock=self.clock, pause=self.pause)
            if not_now is None:
                return pool.submit(self._carry_out, connection, claim)
            tokens.let_go(connection, claim)
            self._waiting.clear()
            queue.wake("renewals", at=not_now.until)
            return None
        return None

    def _look(self) -> bool:
        at_host = due(now=self.clock()).filter(base_url=self.base_url).select_related("app")
        # A row without a token yet has nothing to fall back on.
        self._waiting.extend(at_host.order_by(F("token_expires_at").asc(nulls_first=True), "renew_at")[:BATCH])
        return bool(self._waiting)

    def _carry_out(self, connection: Connection, claim: Claim) -> bool:
        try:
            return tokens.carry_out(connection, claim, clock=self.clock)
        except Exception:
            # Whatever went wrong with one must not keep the others waiting. Its claim lapses by itself.
            log.exception("sentry.renewal_broke", connection=str(connection.pk))
            return False
        finally:
            connections.close_all()
