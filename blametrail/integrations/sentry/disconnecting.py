"""The end of a connection: removed in Sentry, refused for good, or disconnected here."""

from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from blametrail.integrations.sentry import client, ledger
from blametrail.integrations.sentry.models import Connection, DisconnectReason, LedgerKind, State
from blametrail.jobs import queue
from blametrail.organizations import audit
from blametrail.organizations.access import Access

log = structlog.get_logger()

# Mappings, settings, history and incidents stay: reconnecting repairs the same row.
_ERASED: dict[str, Any] = {
    "access_token_sealed": None,
    "token_issued_at": None,
    "token_expires_at": None,
    "renew_at": None,
    "prove_at": None,
    "renewal_claim": None,
    "renewal_claimed_until": None,
}


# Where access was not withdrawn for certain, the refresh token is kept: Sentry gives no second grant code for an
# installation that still stands, so that token may be the only way to repair it without a reinstall.
_KEEPS_REFRESH_TOKEN = {DisconnectReason.REFUSED, DisconnectReason.ANSWER_LOST, DisconnectReason.EXPIRED}


def give_up(connection: Connection, reason: DisconnectReason, why: str, *, now: datetime) -> None:
    """Mark the connection Disconnected with its reason and owe the admins a notice. In the caller's transaction.

    Does nothing to one that is disconnected already: whoever noticed first has told the reason.
    """
    alive = Connection.objects.filter(pk=connection.pk, installation_uuid=connection.installation_uuid).exclude(
        state=State.DISCONNECTED
    )
    erased = _ERASED if reason in _KEEPS_REFRESH_TOKEN else {**_ERASED, "refresh_token_sealed": None}
    changed = alive.update(
        state=State.DISCONNECTED,
        disconnected_at=now,
        disconnect_reason=reason,
        disconnect_detail=why,
        notice_due_at=None if reason == DisconnectReason.BY_PERSON else now,
        **erased,
    )
    connection.refresh_from_db()
    if not changed:
        return
    ledger.record(connection, LedgerKind.DISCONNECTED, f"{reason.label} {why}".strip(), at=now)
    transaction.on_commit(lambda: queue.wake("notices"))
    log.warning("sentry.disconnected", connection=str(connection.pk), reason=reason.value)


def removed_in_sentry(connection: Connection, *, actor_name: str, now: datetime) -> None:
    """Disconnect on Sentry's own signed word that the integration was removed. In the caller's transaction."""
    by = f"Removed by {actor_name}." if actor_name else ""
    give_up(connection, DisconnectReason.REMOVED, by, now=now)


def put_away(access: Access, connection: Connection, *, now: datetime) -> bool:
    """Take a disconnected connection off the lists; tell whether it was. Nothing of it is deleted.

    Its installation is let go of, so that another organization may connect it. Connecting the same Sentry
    organization here again brings the row back, with its mappings.
    """
    with transaction.atomic():
        put_away = Connection.objects.filter(pk=connection.pk, state=State.DISCONNECTED, archived_at=None).update(
            archived_at=now, installation_uuid=None, refresh_token_sealed=None, notice_due_at=None
        )
        if put_away:
            audit.record(access, "connection.removed", str(connection))
    return bool(put_away)


def by_person(access: Access, connection: Connection, *, now: datetime) -> bool:
    """Erase our secrets and ask Sentry to uninstall; tell whether Sentry did.

    Sentry lets an app remove itself only with wide permissions. Where it does not, the person is told to remove it
    there: our side is disconnected all the same.
    """
    token, installation = connection.access_token, connection.installation_uuid
    with transaction.atomic():
        audit.record(access, "connection.disconnected", str(connection))
        give_up(connection, DisconnectReason.BY_PERSON, f"By {access.user}.", now=now)
        # The secret of an internal integration is of no more use either; the webhook address dies with it.
        Connection.objects.filter(pk=connection.pk).update(client_secret_sealed=None)
    if not token or installation is None:
        return False
    try:
        client.Session(connection.base_url, token).uninstall(installation)
    except client.SentryError as error:
        log.info("sentry.uninstall_not_done", connection=str(connection.pk), why=str(error))
        return False
    return True
