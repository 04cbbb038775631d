"""What all processes know of a Sentry host: its turns are given out, and what was heard of it is kept, in one row."""

import random
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from blametrail.integrations.sentry import grants, pacing
from blametrail.integrations.sentry.models import Connection, Host, State
from blametrail.integrations.sentry.pacing import Heard, HostState, NotNow, Pace, Turn
from blametrail.jobs import queue

log = structlog.get_logger()

Pause = Callable[[timedelta], None]

_never = threading.Event()


def pause(length: timedelta) -> None:
    """Let time pass without spinning."""
    _never.wait(max(length.total_seconds(), 0))


def pace() -> Pace:
    return Pace(per_second=settings.ENVIRONMENT.sentry_renewals_per_second)


def take_turn(base_url: str, *, now: datetime, heeds_quiet: bool = True) -> Turn | NotNow:
    """Reserve the moment of the next request to the host; NotNow while it is left in peace."""
    Host.objects.get_or_create(base_url=base_url)
    with transaction.atomic():
        row = Host.objects.select_for_update().get(base_url=base_url)
        decision = pacing.next_turn(_state(row), now=now, pace=pace(), heeds_quiet=heeds_quiet)
        if isinstance(decision, Turn):
            _keep(row, decision.host)
    return decision


def wait_for_turn(
    base_url: str, *, clock: Callable[[], datetime], pause: Pause = pause, heeds_quiet: bool = True
) -> NotNow | None:
    """Return None at the moment when a request may leave; NotNow, at once, while the host is left in peace."""
    decision = take_turn(base_url, now=clock(), heeds_quiet=heeds_quiet)
    if isinstance(decision, NotNow):
        return decision
    pause(decision.at - clock())
    return None


def quiet(*, now: datetime) -> QuerySet[Host, str]:
    """Return the addresses of the hosts that are left in peace."""
    addresses: QuerySet[Host, str] = Host.objects.filter(quiet_until__gt=now).values_list("base_url", flat=True)
    return addresses


def is_quiet(base_url: str, *, now: datetime) -> bool:
    return quiet(now=now).filter(base_url=base_url).exists()


def heard(base_url: str, connection: uuid.UUID, verdict: grants.Verdict, *, now: datetime) -> None:
    """Keep what an answer, or none, tells about the host; when it is back, what waited for it becomes due."""
    said, retry_after = _heard(verdict)
    row = Host.objects.filter(base_url=base_url).first()
    if said is Heard.ANSWER and (row is None or not row.silent_to):
        return  # as nearly always: nothing new
    Host.objects.get_or_create(base_url=base_url)
    with transaction.atomic():
        row = Host.objects.select_for_update().get(base_url=base_url)
        before = _state(row)
        after = pacing.after_hearing(
            before,
            said,
            connection=str(connection),
            now=now,
            pace=pace(),
            retry_after=retry_after,
            jitter=random.random(),
        )
        _keep(row, after)
        if before.is_suspected(pace()) and not after.is_suspected(pace()):
            _hurry(base_url, now=now)
    if after.is_suspected(pace()) != before.is_suspected(pace()):
        log.warning("sentry.host", host=base_url, answers=not after.is_suspected(pace()))


def _hurry(base_url: str, *, now: datetime) -> None:
    """Make due what only waits because the host was down. It comes back at the host's pace, the most urgent first."""
    Connection.objects.filter(
        base_url=base_url, failures__gt=0, refusals=0, missing_since=None, renew_at__gt=now
    ).exclude(state=State.DISCONNECTED).update(renew_at=now)
    transaction.on_commit(lambda: queue.wake("renewals"))


def _heard(verdict: grants.Verdict) -> tuple[Heard, timedelta | None]:
    if not isinstance(verdict, grants.Unavailable) or verdict.cause is grants.Cause.BUSY:
        return Heard.ANSWER, None
    if verdict.cause is grants.Cause.THROTTLED:
        return Heard.TOO_MANY, verdict.retry_after
    return Heard.NOTHING, verdict.retry_after


def _state(row: Host) -> HostState:
    return HostState(row.next_turn_at, row.quiet_until, tuple(row.silent_to), row.probes_failed)


def _keep(row: Host, state: HostState) -> None:
    row.next_turn_at, row.quiet_until = state.next_turn_at, state.quiet_until
    row.silent_to, row.probes_failed = list(state.silent_to), state.probes_failed
    row.save()
