"""The life of a connection's tokens: stored, renewed one at a time, lost."""

import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as database
from django.db.models import F, Q

from blametrail.integrations.sentry import client, grants, hosts, ledger, metrics, setbacks
from blametrail.integrations.sentry.grants import Grant, Granted, TokenPair
from blametrail.integrations.sentry.models import Connection, LedgerKind, Mode, State, seal
from blametrail.integrations.sentry.setbacks import FailedTry
from blametrail.jobs import queue
from blametrail.lib import encryption

log = structlog.get_logger()

# Longer than one grant may take: it is sent at most twice, with the 30 s we give Sentry to answer. A second grant
# holds the claim anew.
CLAIM_LASTS = timedelta(seconds=90)
# A caller with an expired token waits this long for whoever is renewing it.
CALLER_WAITS = timedelta(seconds=20)
CALLER_LOOKS_EVERY = timedelta(milliseconds=100)
# A pair that could not be stored is tried again for as long as our claim surely stands.
DATABASE_IS_BACK_WITHIN = timedelta(seconds=45)
# Sentry copies a new token to its regions after it has handed it out: one refused at once is tried once more.
FRESH_TOKEN_SETTLES = timedelta(seconds=1.5)
# Clocks differ: a token this close to its end is treated as expired by those who want to use it.
USABLE_UNTIL = timedelta(seconds=5)

ALIVE = (State.CONNECTED, State.CONNECTING, State.UNCONFIRMED)

T = TypeVar("T")
Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    return datetime.now(UTC)


class NotConnected(Exception):
    """The connection is disconnected; an admin must reconnect it."""


class RenewalInProgress(Exception):
    """The token has expired and its renewal has not succeeded yet; try again later."""


# --- for callers ------------------------------------------------------------------------------------------------


def access_token(connection: Connection, *, clock: Clock = wall_clock, instead_of: str = "") -> str:
    """Return a usable access token. A caller whose token is still valid never waits.

    ``instead_of`` is a token that Sentry has just rejected, whatever its times say. Raises NotConnected, or
    RenewalInProgress after a bounded wait.
    """
    give_up_at = clock() + CALLER_WAITS
    while True:
        connection.refresh_from_db()
        if connection.state not in ALIVE:
            raise NotConnected(NotConnected.__doc__)
        if not connection.has_expired(now=clock() + USABLE_UNTIL):
            token = connection.access_token
            if token != instead_of:
                return token
        if _renewal_may_start(connection, now=clock()) and renew(connection, clock=clock, heeds_quiet=True):
            return connection.access_token  # whatever the clocks say: Sentry has just issued it
        is_over = clock() >= give_up_at or _is_waiting_for_next_try(connection, now=clock())
        if is_over or hosts.is_quiet(connection.base_url, now=clock()):
            raise RenewalInProgress(RenewalInProgress.__doc__)
        _let_database_go()  # or those who wait would keep it from the one they wait for
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


def call(connection: Connection, request: Callable[[client.Session], Any], *, clock: Clock = wall_clock) -> Any:
    """Return what ``request`` returns. A rejected token is replaced once and the request repeated, never in a loop.

    Raises NotConnected, RenewalInProgress or a client.SentryError.
    """
    token = access_token(connection, clock=clock)
    try:
        return request(client.Session(connection.base_url, token))
    except client.Unauthorized:
        if connection.mode == Mode.INTERNAL:
            raise
    # It may have been replaced by another process while we used it; only if not is it renewed.
    fresh = client.Session(connection.base_url, access_token(connection, clock=clock, instead_of=token))
    try:
        return request(fresh)
    except client.Unauthorized:
        _pause.wait(FRESH_TOKEN_SETTLES.total_seconds())
    return request(fresh)


# --- renewing ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """The right to renew one connection, and what it looked like when the right was taken."""

    id: uuid.UUID
    version: int
    installation: uuid.UUID


def renew(connection: Connection, *, clock: Clock = wall_clock, heeds_quiet: bool = False) -> bool:
    """Trade a grant for a new pair and store it, when the host's turn comes; tell whether this call did.

    False when someone else holds the claim, when it failed (the next try is then owed by the row), when the
    connection was given up, or, with ``heeds_quiet``, while the host is left in peace.
    """
    held = claim(connection, now=clock())
    if held is None:
        return False
    if hosts.wait_for_turn(connection.base_url, clock=clock, heeds_quiet=heeds_quiet):
        let_go(connection, held)
        return False
    return carry_out(connection, held, clock=clock)


def claim(connection: Connection, *, now: datetime) -> Claim | None:
    """Reserve the right to renew. Only one caller gets it; a dead one's claim is taken over when it lapses."""
    if connection.installation_uuid is None or connection.mode == Mode.INTERNAL:
        return None
    wanted = Claim(uuid.uuid4(), connection.token_version, connection.installation_uuid)
    free = Q(renewal_claim=None) | Q(renewal_claimed_until__lt=now)
    claimed = Connection.objects.filter(
        free,
        pk=connection.pk,
        state__in=ALIVE,
        token_version=wanted.version,
        installation_uuid=wanted.installation,
    ).update(renewal_claim=wanted.id, renewal_claimed_until=now + CLAIM_LASTS)
    if not claimed:
        return None
    connection.refresh_from_db()
    if connection.renew_at is not None and connection.renew_at <= now:
        metrics.note_lateness(now - connection.renew_at)
    return wanted


def let_go(connection: Connection, claim: Claim) -> None:
    """Give the right to renew back unused."""
    Connection.objects.filter(pk=connection.pk, renewal_claim=claim.id).update(
        renewal_claim=None, renewal_claimed_until=None
    )


def carry_out(connection: Connection, claim: Claim, *, clock: Clock = wall_clock) -> bool:
    """Renew a connection whose claim was taken; tell whether that succeeded."""
    order = grants.order(
        jwt_works=connection.jwt_grant_works,
        has_refresh_token=bool(connection.refresh_token_sealed),
        has_been_refused=connection.grants_refused,
    )
    failed: list[FailedTry] = []
    for grant in order:
        if not _announce(connection, claim, now=clock()):
            return False  # the claim lapsed and whoever took it over is renewing
        verdict, duration = _try(connection, claim, grant, clock=clock)
        if isinstance(verdict, Granted):
            # First of all: whatever else there is to write down, a pair that is not stored is a pair lost.
            succeed = partial(_succeed, connection, claim, verdict.pair, grant, duration, now=clock())
            stored = insist(succeed)
            hosts.heard(connection.base_url, connection.pk, verdict, now=clock())
            return stored
        hosts.heard(connection.base_url, connection.pk, verdict, now=clock())
        if grant is Grant.JWT and isinstance(verdict, grants.Unsupported):
            _learn_about_jwt(connection, works=False)
        failed.append(FailedTry(grant, verdict, duration))
        if not isinstance(verdict, grants.Refused | grants.Unsupported):
            break  # the trouble is not with this kind of grant, so another kind would not do better
    setbacks.write_down(connection, claim.id, failed, now=clock())
    return False


def _announce(connection: Connection, claim: Claim, *, now: datetime) -> bool:
    """Put a request on record before it leaves, and hold the claim for as long as it may take; False if it is lost.

    Should we die before its answer is stored, the row says that the refresh token may be spent: either grant
    replaces the pair.
    """
    held = Connection.objects.filter(
        pk=connection.pk, renewal_claim=claim.id, installation_uuid=claim.installation, state__in=ALIVE
    )
    sent_at = connection.refresh_token_sent_at or now
    return held.update(renewal_claimed_until=now + CLAIM_LASTS, refresh_token_sent_at=sent_at) == 1


def _try(connection: Connection, claim: Claim, grant: Grant, *, clock: Clock) -> tuple[grants.Verdict, timedelta]:
    begun, asked_at = time.monotonic(), clock()
    try:
        app, secret = _app(connection), connection.refresh_token if grant is Grant.REFRESH else ""
    except (encryption.UnknownKey, encryption.WrongPlace) as error:
        return grants.Misconfigured(f"A stored secret cannot be read. {error}"), timedelta()
    _let_database_go()  # Sentry may take half a minute
    answer = client.ask_for_tokens(app, claim.installation, grant, secret=secret, now=asked_at)
    duration = timedelta(seconds=time.monotonic() - begun)
    verdict = grants.judge(grant, answer, asked_at=asked_at)
    metrics.count(grant, verdict)
    return verdict, duration


def _app(connection: Connection) -> client.App:
    app = connection.app
    assert app is not None  # noqa: S101 -- an OAuth connection is made through an app, see connecting.py
    return client.App(base_url=app.base_url, client_id=app.client_id, client_secret=app.client_secret)


def _learn_about_jwt(connection: Connection, *, works: bool) -> None:
    """Remember whether this Sentry takes the JWT grant."""
    Connection.objects.filter(pk=connection.pk).exclude(jwt_grant_works=works).update(jwt_grant_works=works)


def _let_database_go() -> None:
    """Give the connection to the database back while we wait for something else: they are few."""
    if not database.in_atomic_block:
        database.close()


def insist(write: Callable[[], T]) -> T:
    """Write although the database may be away for a moment: what Sentry has just issued exists nowhere else."""
    give_up_at = time.monotonic() + DATABASE_IS_BACK_WITHIN.total_seconds()
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if database.in_atomic_block or time.monotonic() >= give_up_at:
                raise
            log.warning("sentry.pair_not_stored_yet", exc_info=True)
        _let_database_go()
        _pause.wait(1)


def _succeed(
    connection: Connection, claim: Claim, pair: TokenPair, grant: Grant, duration: timedelta, *, now: datetime
) -> bool:
    before = connection.scopes
    with transaction.atomic():
        stored = store(connection, pair, installation=claim.installation, claim=claim, now=now)
        if grant is Grant.JWT:
            _learn_about_jwt(connection, works=True)
        if stored:
            kept = f"Valid until {pair.expires_at:%Y-%m-%d %H:%M} UTC."
            ledger.record(connection, LedgerKind.RENEWED, kept, at=now, grant=grant, duration=duration)
        if stored and set(before) != set(pair.scopes):
            changed = f"Its permissions are now: {', '.join(pair.scopes) or 'none'}."
            ledger.record(connection, LedgerKind.SENTRY_CHANGED, changed, at=now)
    log.info("sentry.renewed", connection=str(connection.pk), grant=grant.value, stored=stored)
    return stored


def store(
    connection: Connection,
    pair: TokenPair,
    *,
    installation: uuid.UUID,
    now: datetime,
    claim: Claim | None = None,
) -> bool:
    """Keep the pair, unless a newer one is stored already or the connection was given up; tell whether it was kept.

    Two renewals can overlap when a claim lapsed while Sentry was slow. What Sentry issued last is alive, so its
    own time of issue decides, whichever answer came first. While our claim still stands and nobody stored
    anything, the pair is taken whatever Sentry's clock says.
    """
    newer = Q(token_issued_at=None) | Q(token_issued_at__lt=pair.issued_at)
    if claim is not None:
        newer |= Q(renewal_claim=claim.id, token_version=claim.version)
    renew_at = grants.renewal_due(pair, jitter=random.random())
    stored = Connection.objects.filter(
        newer, pk=connection.pk, installation_uuid=installation, state__in=ALIVE
    ).update(
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
    if renew_at - now < setbacks.WORTH_A_CALL:
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
