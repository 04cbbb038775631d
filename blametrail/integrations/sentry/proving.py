"""Prove by real calls that a connection is alive, verify its install, and keep its names true."""

import random
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q

from blametrail.accounts.models import User
from blametrail.integrations.sentry import client, disconnecting, grants, hosts, ledger, tokens
from blametrail.integrations.sentry.models import Connection, DisconnectReason, LedgerKind, Mode, State
from blametrail.integrations.sentry.tokens import Clock, wall_clock

log = structlog.get_logger()

# Four times a day finds a silent uninstall within one working shift and costs Sentry two small calls each time.
PROVE_EVERY = timedelta(hours=6)
# One round at a time in a process, and a short one: while Sentry is slow each proof takes its whole timeout, and
# a round for each sweep would soon occupy every worker thread.
ROUND_LASTS = timedelta(seconds=45)
_one_round = threading.Lock()


@dataclass(frozen=True)
class Proof:
    """What a proving call found, in words."""

    is_alive: bool
    words: str


def prove_due(*, clock: Clock = wall_clock, limit: int = 200) -> int:
    """Prove connections whose proof is owed, for one round; return how many were looked at."""
    if not _one_round.acquire(blocking=False):
        return 0
    try:
        ends_at = clock() + ROUND_LASTS
        due = Connection.objects.filter(state=State.CONNECTED, prove_at__lte=clock())
        due = due.exclude(base_url__in=hosts.quiet(now=clock())).order_by("prove_at")
        in_time = takewhile(lambda _: clock() < ends_at, due[:limit])
        return sum(_prove_if_still_due(connection, clock=clock) for connection in in_time)
    finally:
        _one_round.release()


def _prove_if_still_due(connection: Connection, *, clock: Clock) -> bool:
    # Taking the row by moving its due time keeps a second worker away, and brings it back should we die.
    taken = Connection.objects.filter(pk=connection.pk, prove_at=connection.prove_at).update(
        prove_at=clock() + timedelta(minutes=2)
    )
    if taken:
        try:
            prove(connection, clock=clock)
        except Exception:
            # Whatever goes wrong with one must not keep the others waiting.
            log.exception("sentry.proof_broke", connection=str(connection.pk))
    return bool(taken)


def prove(connection: Connection, *, clock: Clock = wall_clock, by: User | None = None) -> Proof:
    """Call Sentry for this connection now, write down what it said, and owe the next proof."""
    begun = time.monotonic()
    try:
        organization, installation = tokens.call(connection, lambda session: _ask(connection, session), clock=clock)
    except (tokens.NotConnected, tokens.RenewalInProgress) as error:
        return Proof(is_alive=False, words=str(error))
    except client.SentryError as error:
        return _not_proved(connection, error, now=clock(), by=by, duration=_since(begun))
    return _proved(connection, organization, installation, now=clock(), by=by, duration=_since(begun))


def _since(begun: float) -> timedelta:
    return timedelta(seconds=time.monotonic() - begun)


def _ask(connection: Connection, session: client.Session) -> tuple[client.Organization, client.Installation | None]:
    if connection.mode == Mode.INTERNAL or connection.installation_uuid is None:
        return session.organization(connection.sentry_organization_id), None
    if connection.installation_verified_at is None:
        installation = session.mark_installed(connection.installation_uuid)
    else:
        installation = session.installation(connection.installation_uuid)
    try:
        # By the installation's own word: a token works in every organization that has our app.
        return session.organization(installation.organization_slug), installation
    except client.NotFound as error:
        # Only the installation itself can say that it was removed; this one was renamed between the two calls.
        raise client.Unavailable(str(error)) from None


def _proved(
    connection: Connection,
    organization: client.Organization,
    installation: client.Installation | None,
    *,
    now: datetime,
    by: User | None,
    duration: timedelta,
) -> Proof:
    changes: dict[str, Any] = {
        "proved_at": now,
        "prove_at": now + PROVE_EVERY * (0.8 + 0.4 * random.random()),
        "missing_since": None,
        "sentry_organization_slug": organization.slug,
        "sentry_organization_name": organization.name,
    }
    first_time = installation is not None and connection.installation_verified_at is None
    if first_time:
        changes["installation_verified_at"] = now
    if connection.mode == Mode.INTERNAL:
        changes |= {"refusals": 0, "failures": 0, "first_refused_at": None, "last_error": ""}
    words = f"Sentry answered for {organization.name} ({organization.slug})."
    with transaction.atomic():
        _same(connection).update(**changes)
        if connection.sentry_organization_name not in {"", organization.name}:
            renamed = f"{connection.sentry_organization_name} is now called {organization.name}."
            ledger.record(connection, LedgerKind.SENTRY_CHANGED, renamed, at=now)
        if first_time:
            verified = "Sentry was told that the install is complete; it sends webhooks from now on."
            ledger.record(connection, LedgerKind.VERIFIED, verified, at=now, duration=duration)
        ledger.record(connection, LedgerKind.PROVED, words, at=now, duration=duration, by=by)
        connection.refresh_from_db()
    return Proof(is_alive=True, words=words)


def _not_proved(
    connection: Connection, error: client.SentryError, *, now: datetime, by: User | None, duration: timedelta
) -> Proof:
    connection.refresh_from_db()
    failure = _as_failure(error)
    is_missing = isinstance(failure, grants.Gone)
    is_refused = isinstance(failure, grants.Refused) and connection.mode == Mode.INTERNAL
    missing_since = connection.missing_since or (now if is_missing else None)
    history = grants.History(
        failures=connection.failures + is_refused,
        refusals=connection.refusals + is_refused,
        first_refused_at=connection.first_refused_at or (now if is_refused else None),
        grants_refused=frozenset(),
        missing_since=missing_since,
        expires_at=None,
        # The token of an OAuth connection is judged by its renewal; here only a pasted one is.
        grants_available=frozenset() if connection.mode == Mode.INTERNAL else frozenset({grants.Grant.JWT}),
    )
    decision = grants.after_failure(failure, history, now=now, jitter=random.random())
    with transaction.atomic():
        ledger.record(connection, LedgerKind.PROOF_FAILED, str(error), at=now, duration=duration, by=by)
        if isinstance(decision, grants.GiveUp):
            reason = DisconnectReason.TOKEN_REJECTED if is_refused else decision.reason
            disconnecting.give_up(connection, reason, decision.why, now=now)
        else:
            changes: dict[str, Any] = {"prove_at": max(decision.at, now + timedelta(minutes=1))}
            if is_missing:
                changes["missing_since"] = missing_since
            if is_refused:
                changes |= {
                    "failures": history.failures,
                    "refusals": history.refusals,
                    "first_refused_at": history.first_refused_at,
                    "last_error": str(error),
                }
            _same(connection).update(**changes)
        connection.refresh_from_db()
    return Proof(is_alive=False, words=str(error))


def _as_failure(error: client.SentryError) -> grants.Failure:
    if isinstance(error, client.NotFound):
        return grants.Gone(str(error))
    if isinstance(error, client.Unauthorized):
        return grants.Refused(str(error))
    retry_after = error.retry_after if isinstance(error, client.Unavailable) else None
    return grants.Unavailable(str(error), retry_after=retry_after)


def _same(connection: Connection) -> Any:
    """Return the row, unless it was reconnected to another installation meanwhile."""
    return Connection.objects.filter(
        Q(pk=connection.pk, installation_uuid=connection.installation_uuid), ~Q(state=State.DISCONNECTED)
    )
