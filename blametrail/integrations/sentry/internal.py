"""Internal integrations: a pasted token that does not expire, checked by a real call before it is kept."""

from datetime import datetime

from django.db import transaction

from blametrail.integrations.sentry import client, ledger, proving
from blametrail.integrations.sentry.models import Connection, LedgerKind, Mode, State, seal
from blametrail.organizations import audit
from blametrail.organizations.access import Access

# What BlameTrail reads; Sentry's names for the permissions, as its settings page calls them.
NEEDED = {"organization": "Organization: Read", "projects": "Project: Read"}


class CannotConnect(Exception):
    """The pasted token does not work; ``str()`` says why and what to change."""


class ConnectedAlready(Exception):
    """This Sentry organization is connected by an internal integration already; replace its token there."""


def check(base_url: str, *, organization_slug: str, token: str) -> client.Organization:
    """Return the Sentry organization, having made the calls that BlameTrail will make. Raises CannotConnect."""
    session = client.Session(base_url, token)
    try:
        organization = session.organization(organization_slug)
    except client.SentryError as error:
        raise CannotConnect(_why(error, NEEDED["organization"])) from None
    try:
        next(session.projects(organization.slug), None)
    except client.SentryError as error:
        raise CannotConnect(_why(error, NEEDED["projects"])) from None
    return organization


def _why(error: client.SentryError, permission: str) -> str:
    if isinstance(error, client.Unauthorized):
        return "Sentry does not accept this token. Copy it again from the integration's page in Sentry."
    if isinstance(error, client.Forbidden):
        return f"The token lacks a permission: set {permission} on the integration's page in Sentry."
    if isinstance(error, client.NotFound):
        return "Sentry knows no organization with this slug, or the integration is not installed there."
    return f"{error} Try again in a moment."


def connect(
    access: Access, *, base_url: str, organization_slug: str, token: str, client_secret: str, now: datetime
) -> Connection:
    """Keep a working token as a connection, with a webhook address of its own.

    Raises CannotConnect or ConnectedAlready.
    """
    organization = check(base_url, organization_slug=organization_slug, token=token)
    existing = Connection.objects.of(access.organization).filter(
        mode=Mode.INTERNAL, base_url=base_url, sentry_organization_id=organization.id
    )
    with transaction.atomic():
        row = existing.select_for_update().first()
        if row is not None and row.state == State.CONNECTED:
            raise ConnectedAlready(ConnectedAlready.__doc__)
        kind = LedgerKind.CONNECTED if row is None else LedgerKind.RECONNECTED
        row = row or Connection(organization=access.organization, mode=Mode.INTERNAL, base_url=base_url)
        row.sentry_organization_id = organization.id
        row.sentry_organization_slug = organization.slug
        row.sentry_organization_name = organization.name
        row.client_secret_sealed = seal(row, "client_secret_sealed", client_secret)
        _keep_token(row, token, access=access, now=now)
        ledger.record(row, kind, f"{organization.name} by an internal integration.", at=now, by=access.user)
        audit.record(access, f"connection.{kind.value}", str(row), detail="Internal integration.")
    return row


def replace_token(access: Access, connection: Connection, *, token: str, client_secret: str, now: datetime) -> None:
    """Repair the same row with another token, and secret if one is given. Raises CannotConnect."""
    organization = check(connection.base_url, organization_slug=connection.sentry_organization_slug, token=token)
    if organization.id != connection.sentry_organization_id:
        raise CannotConnect("This token belongs to another Sentry organization. Connect that one separately.")
    with transaction.atomic():
        if client_secret:
            connection.client_secret_sealed = seal(connection, "client_secret_sealed", client_secret)
        _keep_token(connection, token, access=access, now=now)
        ledger.record(connection, LedgerKind.RECONNECTED, "The token was replaced.", at=now, by=access.user)
        audit.record(access, "connection.token_replaced", str(connection))


def _keep_token(row: Connection, token: str, *, access: Access, now: datetime) -> None:
    row.access_token_sealed = seal(row, "access_token_sealed", token)
    row.token_version += 1
    row.state = State.CONNECTED
    row.connected_at = row.proved_at = now
    row.connected_by = access.user
    row.prove_at = now + proving.PROVE_EVERY
    row.failures = row.refusals = 0
    row.first_refused_at = row.disconnected_at = row.archived_at = None
    row.disconnect_reason = row.disconnect_detail = row.last_error = ""
    row.save()
