"""Which connection a fresh installation becomes: a new one, the repair of an old one, or a question to the person."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from blametrail.accounts.models import User
from blametrail.intake import deliveries
from blametrail.integrations.sentry import (
    apps_registry,
    client,
    disconnecting,
    grants,
    ledger,
    problems,
    proving,
    tokens,
)
from blametrail.integrations.sentry.grants import Grant
from blametrail.integrations.sentry.models import Connection, LedgerKind, Mode, State, seal
from blametrail.integrations.sentry.tokens import Clock, wall_clock
from blametrail.organizations import audit
from blametrail.organizations.access import Access
from blametrail.organizations.models import AuditEntry

SETTLE_AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class BecomeConnection:
    """It is a Sentry organization that was not connected here before."""


@dataclass(frozen=True)
class Repair:
    """It is the Sentry organization of an existing connection, which takes over the installation."""

    connection_id: uuid.UUID


@dataclass(frozen=True)
class AskPerson:
    """The person set out to repair one Sentry organization and picked another."""


@dataclass(frozen=True)
class Known:
    """An existing connection, as far as the decision needs it."""

    id: uuid.UUID
    sentry_organization_id: str


def decide(
    sentry_organization_id: str, *, repairs: Known | None, same_organization: Known | None
) -> BecomeConnection | Repair | AskPerson:
    """Decide what a fresh installation becomes. ``same_organization`` has that Sentry organization already."""
    if repairs is not None and repairs.sentry_organization_id not in {"", sentry_organization_id}:
        return AskPerson()
    if repairs is not None:
        return Repair(repairs.id)
    if same_organization is not None:
        return Repair(same_organization.id)
    return BecomeConnection()


def settle(connection: Connection, *, clock: Clock = wall_clock) -> Connection:
    """Read which organization a fresh installation is and let it become what it is; return the row that lives on.

    When Sentry does not answer now the row stays CONNECTING with its tokens safe, and a job comes back to it.
    """
    if connection.state != State.CONNECTING or connection.installation_uuid is None:
        return connection
    try:
        organization = tokens.call(connection, _read_organization(connection.installation_uuid), clock=clock)
    except (client.SentryError, tokens.RenewalInProgress):
        Connection.objects.filter(pk=connection.pk, state=State.CONNECTING).update(
            prove_at=clock() + SETTLE_AGAIN_AFTER
        )
        return connection
    settled = _adopt(connection, organization, now=clock())
    if settled.state == State.CONNECTED:
        proving.prove(settled, clock=clock)
    return settled


def _read_organization(installation: uuid.UUID) -> Any:
    def read(session: client.Session) -> client.Organization:
        # Its own word, not the redirect's: that one is unsigned, and the token opens other organizations too.
        return session.organization(session.installation(installation).organization_slug)

    return read


def settle_due(*, clock: Clock = wall_clock) -> int:
    """Settle what an earlier try, or a crash, left CONNECTING; return how many were looked at."""
    due = Connection.objects.filter(state=State.CONNECTING, prove_at__lte=clock())
    return sum(bool(settle(connection, clock=clock)) for connection in due)


def _adopt(connection: Connection, organization: client.Organization, *, now: datetime) -> Connection:
    with transaction.atomic():
        row: Connection = Connection.objects.select_for_update().get(pk=connection.pk)
        if row.state != State.CONNECTING:
            return row
        decision = decide(organization.id, repairs=_known(row.repairs), same_organization=_same(row, organization))
        row.sentry_organization_id = organization.id
        row.sentry_organization_slug = organization.slug
        row.sentry_organization_name = organization.name
        if isinstance(decision, AskPerson):
            row.state = State.UNCONFIRMED
            row.prove_at = None
            row.save()
            return row
        if isinstance(decision, Repair):
            return _repair(row, decision.connection_id, now=now)
        return _become(row, now=now)


def _known(connection: Connection | None) -> Known | None:
    return Known(connection.pk, connection.sentry_organization_id) if connection else None


def _same(connection: Connection, organization: client.Organization) -> Known | None:
    same = (
        Connection.objects.of(connection.organization)
        .filter(mode=Mode.OAUTH, base_url=connection.base_url, sentry_organization_id=organization.id)
        .exclude(pk=connection.pk)
        .order_by("connected_at")
        .first()
    )
    return _known(same)


def _become(connection: Connection, *, now: datetime) -> Connection:
    connection.state = State.CONNECTED
    connection.prove_at = now
    connection.repairs = None
    connection.save()
    _tell(connection, LedgerKind.CONNECTED, now=now)
    _take_waiting_deliveries(connection, now=now)
    return connection


def _repair(fresh: Connection, connection_id: uuid.UUID, *, now: datetime) -> Connection:
    """Give the fresh installation and its tokens to the existing row; mappings, settings and history are its own."""
    access_token, refresh_token = fresh.access_token, fresh.refresh_token
    deliveries.requeue(Q(connection_id=fresh.pk), now=now)
    fresh.delete()  # first: an installation stands in one row only
    row: Connection = Connection.objects.select_for_update().get(pk=connection_id)
    kept = {
        name: getattr(fresh, name)
        for name in (
            *("app", "base_url", "installation_uuid", "connected_by", "scopes"),
            *("token_issued_at", "token_expires_at", "renew_at"),
            *("sentry_organization_id", "sentry_organization_slug", "sentry_organization_name"),
        )
    }
    for name, value in {**kept, **tokens.NO_TROUBLE, **_ALIVE_AGAIN}.items():
        setattr(row, name, value)
    row.access_token_sealed = seal(row, "access_token_sealed", access_token)
    row.refresh_token_sealed = seal(row, "refresh_token_sealed", refresh_token)
    row.token_version += 1
    row.connected_at = row.prove_at = now
    row.save()
    _tell(row, LedgerKind.RECONNECTED, now=now)
    _take_waiting_deliveries(row, now=now)
    return row


_ALIVE_AGAIN: dict[str, Any] = {
    "state": State.CONNECTED,
    "installation_verified_at": None,
    "refresh_token_sent_at": None,
    "disconnected_at": None,
    "disconnect_reason": "",
    "disconnect_detail": "",
    "archived_at": None,
}


def _tell(connection: Connection, kind: LedgerKind, *, now: datetime) -> None:
    by = connection.connected_by
    ledger.record(connection, kind, f"{connection} at {connection.base_url}.", at=now, by=by)
    AuditEntry.objects.create(
        organization=connection.organization,
        actor=by,
        actor_name=str(by or ""),
        verb=f"connection.{kind.value}",
        subject=str(connection),
        at=now,
    )


def _take_waiting_deliveries(connection: Connection, *, now: datetime) -> None:
    """Look again at what this installation sent before we knew whose it was."""
    waiting = Q(status="ignored", outcome__in=["unknown_installation", "unclaimed_installation"])
    deliveries.requeue(waiting & Q(sender=str(connection.installation_uuid)), now=now)


def revive(connection: Connection, *, code: str, user: User, clock: Clock = wall_clock) -> Connection:
    """Repair a disconnected connection whose installation still stands in Sentry. Raises a problems.ConnectProblem.

    Sentry gives no second code for it, so the grants that need none are tried: the JWT, then the refresh token.
    """
    if connection.app is None or connection.installation_uuid is None:
        raise problems.NoCode
    pair = _any_pair(connection, code=code, clock=clock)
    now = clock()
    with transaction.atomic():
        row: Connection = Connection.objects.select_for_update().get(pk=connection.pk)
        for name, value in {**tokens.NO_TROUBLE, **_ALIVE_AGAIN}.items():
            setattr(row, name, value)
        row.token_issued_at = None
        row.connected_at = row.prove_at = now
        row.connected_by = user
        row.save()
        tokens.store(row, pair, installation=connection.installation_uuid, now=now)
        _tell(row, LedgerKind.RECONNECTED, now=now)
    proving.prove(row, clock=clock)
    return row


def _any_pair(connection: Connection, *, code: str, clock: Clock) -> grants.TokenPair:
    assert connection.app is not None  # noqa: S101 -- the caller has looked
    assert connection.installation_uuid is not None  # noqa: S101 -- the caller has looked
    app = apps_registry.credentials(connection.app)
    secrets = {Grant.CODE: code, Grant.JWT: "", Grant.REFRESH: connection.refresh_token}
    failure: grants.Failure = grants.Refused("")
    for grant, secret in secrets.items():
        if not secret and grant is not Grant.JWT:
            continue
        asked_at = clock()
        answer = client.ask_for_tokens(app, connection.installation_uuid, grant, secret=secret, now=asked_at)
        verdict = grants.judge(grant, answer, asked_at=asked_at)
        if isinstance(verdict, grants.Granted):
            return verdict.pair
        failure = verdict
    if isinstance(failure, grants.Unavailable):
        raise problems.SentryDown(failure.why)
    raise problems.NoCode(failure.why)


def confirm(access: Access, connection: Connection, *, clock: Clock = wall_clock) -> Connection:
    """Keep the other Sentry organization as a connection of its own, since the person said so."""
    with transaction.atomic():
        row: Connection = Connection.objects.select_for_update().get(pk=connection.pk)
        if row.state != State.UNCONFIRMED:
            return row
        same = _same(row, client.Organization(row.sentry_organization_id, "", ""))
        audit.record(access, "connection.confirmed", str(row))
        settled = _repair(row, same.id, now=clock()) if same else _become(row, now=clock())
    proving.prove(settled, clock=clock)
    return settled


def decline(access: Access, connection: Connection, *, now: datetime) -> None:
    """Let go of the other Sentry organization: disconnect it and forget the row, which has no history."""
    if connection.state == State.UNCONFIRMED:
        disconnecting.by_person(access, connection, now=now)
        Connection.objects.filter(pk=connection.pk).delete()
