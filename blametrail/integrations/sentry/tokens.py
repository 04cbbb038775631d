"""The life of a connection's tokens: stored, renewed one at a time, lost."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q

from blametrail.integrations.sentry import client, disconnecting, grants, ledger
from blametrail.integrations.sentry.grants import GiveUp, Grant, Granted, TokenPair, TryAgain
from blametrail.integrations.sentry.models import Connection, LedgerKind, Mode, State, seal
from blametrail.jobs import queue

log = structlog.get_logger()

# Longer than two grants tried one after the other, each with the 30 s we give Sentry to answer.
CLAIM_LASTS = timedelta(seconds=90)
# A caller with an expired token waits this long for whoever is renewing it.
CALLER_WAITS = timedelta(seconds=20)
CALLER_LOOKS_EVERY = timedelta(milliseconds=100)
# The sweep runs every minute; a renewal owed sooner asks for a wake-up of its own.
SWEEP_EVERY = timedelta(minutes=1)
# Clocks differ: a token this close to its end is treated as expired by those who want to use it.
USABLE_UNTIL = timedelta(seconds=5)

ALIVE = (State.CONNECTED, State.CONNECTING, State.UNCONFIRMED)

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    return datetime.now(UTC)


class NotConnected(Exception):
    """The connection is disconnected; an admin must reconnect it."""


class RenewalInProgress(Exception):
    """The token has expired and its renewal has not succeeded yet; try again later."""


# --- for callers ------------------------------------------------------------------------------------------------


def access_token(connection: Connection, *, clock: Clock = wall_clock) -> str:
    """Return a usable access token. A caller whose token is still valid never waits.

    Raises NotConnected, or RenewalInProgress after a bounded wait.
    """
    give_up_at = clock() + CALLER_WAITS
    while True:
        connection.refresh_from_db()
        if connection.state not in ALIVE:
            raise NotConnected(NotConnected.__doc__)
        if not connection.has_expired(now=clock() + USABLE_UNTIL):
            return connection.access_token
        if _renewal_may_start(connection, now=clock()) and renew(connection, clock=clock):
            return connection.access_token  # whatever the clocks say: Sentry has just issued it
        if clock() >= give_up_at or _is_waiting_for_next_try(connection, now=clock()):
            raise RenewalInProgress(RenewalInProgress.__doc__)
        _pause.wait(CALLER_LOOKS_EVERY.total_seconds())


# Never set: a wait on it is a pause that does not spin.
_pause = threading.Event()


def _renewal_may_start(connection: Connection, *, now: datetime) -> bool:
    is_free = connection.renewal_claimed_until is None or connection.renewal_claimed_until < now
    return is_free and not _is_waiting_for_next_try(connection, now=now)


def _is_waiting_for_next_try(connection: Connection, *, now: datetime) -> bool:
    """Test whether a failed renewal is waiting out its backoff: callers must not hammer around it."""
    is_free = connection.renewal_claim is None
    return is_free and connection.failures > 0 and connection.renew_at is not None and now < connection.renew_at


def session(connection: Connection, *, clock: Clock = wall_clock) -> client.Session:
    """Return a session with Sentry for this connection. Raises NotConnected or RenewalInProgress."""
    return client.Session(connection.base_url, access_token(connection, clock=clock))


def call(connection: Connection, request: Callable[[client.Session], Any], *, clock: Clock = wall_clock) -> Any:
    """Return what ``request`` returns; a rejected token is renewed once and the request made once more.

    Raises NotConnected, RenewalInProgress or a client.SentryError.
    """
    try:
        return request(session(connection, clock=clock))
    except client.Unauthorized:
        if connection.mode == Mode.INTERNAL or not renew(connection, clock=clock):
            raise
    return request(session(connection, clock=clock))


# --- renewing ---------------------------------------------------------------------------------------------------


def renew_due(*, clock: Clock = wall_clock, limit: int = 200) -> int:
    """Renew every connection whose renewal is owed; return how many were renewed. Safe to run anywhere, any time."""
    now = clock()
    free = Q(renewal_claim=None) | Q(renewal_claimed_until__lt=now)
    due = Connection.objects.filter(free, state__in=ALIVE, renew_at__lte=now).select_related("app")
    return sum(renew(connection, clock=clock) for connection in due.order_by("renew_at")[:limit])


@dataclass(frozen=True)
class _Claim:
    """The right to renew one connection, and what it looked like when the right was taken."""

    id: uuid.UUID
    version: int
    installation: uuid.UUID


def renew(connection: Connection, *, clock: Clock = wall_clock) -> bool:
    """Trade a grant for a new pair and store it; tell whether this call did.

    False when someone else holds the claim, when it failed (the next try is then owed by the row), or when the
    connection was given up.
    """
    claim = _claim(connection, now=clock())
    if claim is None:
        return False
    app = _app(connection)
    order = grants.order(
        jwt_works=connection.jwt_grant_works,
        has_refresh_token=bool(connection.refresh_token_sealed),
        has_been_refused=connection.grants_refused,
    )
    failed: list[_FailedTry] = []
    for grant in order:
        verdict, duration = _try(connection, claim, app, grant, clock=clock)
        if isinstance(verdict, Granted):
            return _succeed(connection, claim, verdict.pair, grant=grant, duration=duration, now=clock())
        failed.append(_FailedTry(grant, verdict, duration))
        if not isinstance(verdict, grants.Refused | grants.Unsupported):
            break  # the trouble is not with this kind of grant, so another kind would not do better
    _fail(connection, claim, failed, now=clock())
    return False


@dataclass(frozen=True)
class _FailedTry:
    grant: Grant
    failure: grants.Failure
    duration: timedelta


def _claim(connection: Connection, *, now: datetime) -> _Claim | None:
    """Reserve the right to renew. Only one caller gets it; a dead one's claim is taken over when it lapses."""
    if connection.installation_uuid is None or connection.mode == Mode.INTERNAL:
        return None
    claim = _Claim(uuid.uuid4(), connection.token_version, connection.installation_uuid)
    free = Q(renewal_claim=None) | Q(renewal_claimed_until__lt=now)
    claimed = Connection.objects.filter(
        free,
        pk=connection.pk,
        state__in=ALIVE,
        token_version=claim.version,
        installation_uuid=claim.installation,
    ).update(renewal_claim=claim.id, renewal_claimed_until=now + CLAIM_LASTS)
    if not claimed:
        return None
    connection.refresh_from_db()
    return claim


def _app(connection: Connection) -> client.App:
    app = connection.app
    assert app is not None  # noqa: S101 -- an OAuth connection is made through an app, see connecting.py
    return client.App(base_url=app.base_url, client_id=app.client_id, client_secret=app.client_secret)


def _try(
    connection: Connection, claim: _Claim, app: client.App, grant: Grant, *, clock: Clock
) -> tuple[grants.Verdict, timedelta]:
    if grant is Grant.REFRESH:
        # On record before the request leaves: should we die now, the row says that this token may be spent.
        _held(connection, claim).update(refresh_token_sent_at=clock())
    begun, asked_at = time.monotonic(), clock()
    answer = client.ask_for_tokens(
        app,
        claim.installation,
        grant,
        secret=connection.refresh_token if grant is Grant.REFRESH else "",
        now=asked_at,
    )
    duration = timedelta(seconds=time.monotonic() - begun)
    verdict = grants.judge(grant, answer, asked_at=asked_at)
    if grant is Grant.JWT and isinstance(verdict, grants.Unsupported | grants.Granted):
        works = isinstance(verdict, Granted)
        Connection.objects.filter(pk=connection.pk).exclude(jwt_grant_works=works).update(jwt_grant_works=works)
    return verdict, duration


def _held(connection: Connection, claim: _Claim) -> Any:
    return Connection.objects.filter(pk=connection.pk, renewal_claim=claim.id, installation_uuid=claim.installation)


def _succeed(
    connection: Connection, claim: _Claim, pair: TokenPair, *, grant: Grant, duration: timedelta, now: datetime
) -> bool:
    with transaction.atomic():
        stored = store(connection, pair, installation=claim.installation, claim=claim, now=now)
        if stored:
            kept = f"Valid until {pair.expires_at:%Y-%m-%d %H:%M} UTC."
            ledger.record(connection, LedgerKind.RENEWED, kept, at=now, grant=grant, duration=duration)
    log.info("sentry.renewed", connection=str(connection.pk), grant=grant.value, stored=stored)
    return stored


def store(
    connection: Connection,
    pair: TokenPair,
    *,
    installation: uuid.UUID,
    now: datetime,
    claim: _Claim | None = None,
) -> bool:
    """Keep the pair, unless a newer one is stored already; tell whether it was kept.

    Two renewals can overlap when a claim lapsed while Sentry was slow. What Sentry issued last is alive, so its
    own time of issue decides, whichever answer came first. While our claim still stands and nobody stored
    anything, the pair is taken whatever Sentry's clock says.
    """
    newer = Q(token_issued_at=None) | Q(token_issued_at__lt=pair.issued_at)
    if claim is not None:
        newer |= Q(renewal_claim=claim.id, token_version=claim.version)
    renew_at = grants.renewal_due(pair, jitter=random.random())
    stored = Connection.objects.filter(newer, pk=connection.pk, installation_uuid=installation).update(
        access_token_sealed=seal(connection, "access_token_sealed", pair.access_token),
        refresh_token_sealed=seal(connection, "refresh_token_sealed", pair.refresh_token),
        token_issued_at=pair.issued_at,
        token_expires_at=pair.expires_at,
        token_version=F("token_version") + 1,
        scopes=list(pair.scopes),
        renew_at=renew_at,
        refresh_token_sent_at=None,
        **NO_TROUBLE,
    )
    connection.refresh_from_db()
    if renew_at - now < 2 * SWEEP_EVERY:
        transaction.on_commit(lambda: queue.wake("renewals", at=renew_at))
    return stored == 1


NO_TROUBLE: dict[str, Any] = {
    "renewal_claim": None,
    "renewal_claimed_until": None,
    "failures": 0,
    "refusals": 0,
    "first_refused_at": None,
    "grants_refused": [],
    "missing_since": None,
    "last_error": "",
}


def _fail(connection: Connection, claim: _Claim, failed: list[_FailedTry], *, now: datetime) -> None:
    """Write the failure down and owe the next try, or give the connection up; nothing if our claim has lapsed."""
    # What says most: a grant this Sentry merely does not know tells nothing about the connection.
    telling = next((each for each in failed if not isinstance(each.failure, grants.Unsupported)), failed[-1])
    failure = telling.failure
    refused = [each.grant.value for each in failed if isinstance(each.failure, grants.Refused)]
    with transaction.atomic():
        changes = _after(connection, failure, refused=refused, now=now)
        history = grants.History(
            **{name: changes[name] for name in ("failures", "refusals", "first_refused_at", "missing_since")},
            grants_refused=frozenset(changes["grants_refused"]),
            expires_at=connection.token_expires_at,
            grants_available=_available(connection),
        )
        decision = grants.after_failure(failure, history, now=now, jitter=random.random())
        if isinstance(decision, TryAgain):
            changes["renew_at"] = decision.at
        held = _held(connection, claim).update(renewal_claim=None, renewal_claimed_until=None, **changes)
        if not held:
            return
        connection.refresh_from_db()
        _tell_failure(connection, telling, now=now)
        if isinstance(decision, GiveUp):
            disconnecting.give_up(connection, decision.reason, decision.why, now=now)
        elif decision.at - now < 2 * SWEEP_EVERY:
            transaction.on_commit(lambda: queue.wake("renewals", at=decision.at))
    log.warning("sentry.renewal_failed", connection=str(connection.pk), why=failure.why, failures=history.failures)


def _tell_failure(connection: Connection, failed: _FailedTry, *, now: datetime) -> None:
    ledger.record(
        connection,
        LedgerKind.RENEWAL_FAILED,
        failed.failure.why,
        at=now,
        grant=failed.grant,
        duration=failed.duration,
    )


def _available(connection: Connection) -> frozenset[str]:
    """Return the grants that must all be refused before a refusal is believed; one that is unsupported cannot be."""
    kinds = set()
    if connection.jwt_grant_works:
        kinds.add(Grant.JWT)
    if connection.refresh_token_sealed:
        kinds.add(Grant.REFRESH)
    return frozenset(kinds)


def _after(connection: Connection, failure: grants.Failure, *, refused: list[str], now: datetime) -> dict[str, Any]:
    """Return the row's record of trouble with this failure added."""
    was_refused = bool(refused)
    is_gone = isinstance(failure, grants.Gone)
    return {
        "failures": connection.failures + 1,
        "refusals": connection.refusals + was_refused,
        "first_refused_at": connection.first_refused_at or (now if was_refused else None),
        "grants_refused": sorted({*connection.grants_refused, *refused}),
        "missing_since": connection.missing_since or (now if is_gone else None),
        "last_error": failure.why,
    }
