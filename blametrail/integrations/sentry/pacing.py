"""How fast a Sentry host is asked for tokens, and when it is left in peace. Pure: facts in, decisions out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True)
class Pace:
    """How considerate we are. Each default is argued for beside it; the rate is the operator's."""

    per_second: float
    # One connection that Sentry cannot serve says nothing about the others; several in a row do.
    silent_to_suspect: int = 5
    # As long as a renewal's claim: a probe whose process died must not keep the next one away.
    probe_lasts: timedelta = timedelta(seconds=90)
    first_wait: timedelta = timedelta(seconds=5)
    # The longest that a host which is back goes unnoticed.
    longest_wait: timedelta = timedelta(seconds=60)
    # Sentry's limits are counted in windows of a second, and its 429 rarely says how long to wait.
    throttled_wait: timedelta = timedelta(seconds=5)
    # Turns given out ahead of time; anything further in the future was written by a clock that was wrong.
    longest_queue: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class HostState:
    """What is known of a host by everybody who renews there."""

    next_turn_at: datetime | None = None
    quiet_until: datetime | None = None
    # Connections that it left without an answer since it last gave one.
    silent_to: tuple[str, ...] = ()
    probes_failed: int = 0

    def is_suspected(self, pace: Pace) -> bool:
        return len(self.silent_to) >= pace.silent_to_suspect


class Heard(StrEnum):
    """What a renewal tells about the host, whatever it means for the connection."""

    ANSWER = "answer"
    TOO_MANY = "too_many"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Turn:
    """A request may leave at that moment; ``host`` is what is known from then on."""

    at: datetime
    host: HostState


@dataclass(frozen=True)
class NotNow:
    """Leave the host in peace until then."""

    until: datetime


def next_turn(host: HostState, *, now: datetime, pace: Pace, heeds_quiet: bool = True) -> Turn | NotNow:
    """Decide when the next request to the host may leave: evenly spaced, and one at a time while it is suspected.

    A person who asks for it (``heeds_quiet`` False) need not wait for a host that is left in peace.
    """
    quiet_until = host.quiet_until
    if quiet_until is not None and quiet_until - now > max(pace.probe_lasts, pace.longest_wait):
        quiet_until = None
    if heeds_quiet and quiet_until is not None and now < quiet_until:
        return NotNow(quiet_until)
    at = max(host.next_turn_at or now, now)
    if at - now > pace.longest_queue:
        at = now
    if host.is_suspected(pace):
        quiet_until = now + pace.probe_lasts
    elif quiet_until is not None and quiet_until <= now:
        quiet_until = None
    after = at + timedelta(seconds=1) / pace.per_second
    return Turn(at, replace(host, next_turn_at=after, quiet_until=quiet_until))


def after_hearing(
    host: HostState,
    heard: Heard,
    *,
    connection: str,
    now: datetime,
    pace: Pace,
    retry_after: timedelta | None = None,
    jitter: float = 1.0,
) -> HostState:
    """Return what is known of the host after a renewal of ``connection`` heard that."""
    if heard is Heard.NOTHING:
        return _after_silence(host, connection, now=now, pace=pace, retry_after=retry_after, jitter=jitter)
    quiet_until = None if host.is_suspected(pace) else host.quiet_until
    if heard is Heard.TOO_MANY:
        # Bounded, since what one organization used up must not keep the others waiting for long.
        wait = min(max(retry_after or pace.throttled_wait, timedelta(seconds=1)), pace.longest_wait)
        quiet_until = max(now + wait, quiet_until or now)
    return replace(host, silent_to=(), probes_failed=0, quiet_until=quiet_until)


def _after_silence(
    host: HostState, connection: str, *, now: datetime, pace: Pace, retry_after: timedelta | None, jitter: float
) -> HostState:
    known = connection in host.silent_to or host.is_suspected(pace)
    host = replace(host, silent_to=host.silent_to if known else (*host.silent_to, connection))
    if not host.is_suspected(pace):
        return host
    full = min(pace.first_wait * float(2 ** min(host.probes_failed, 10)), pace.longest_wait)
    wait = max(full * max(jitter, 0.5), min(retry_after or timedelta(), pace.longest_wait))
    return replace(host, probes_failed=host.probes_failed + 1, quiet_until=now + wait)
