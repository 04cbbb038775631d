"""End a connection."""

from datetime import datetime

from blametrail.integrations.sentry.models import Connection, DisconnectReason, State


def removed_in_sentry(connection: Connection, *, actor_name: str, now: datetime) -> None:
    """Mark the connection disconnected because the integration was removed in Sentry by ``actor_name``."""
    Connection.objects.filter(pk=connection.pk, state=State.CONNECTED).update(
        state=State.DISCONNECTED,
        disconnected_at=now,
        disconnect_reason=DisconnectReason.REMOVED,
        disconnect_detail=actor_name,
    )
