"""Write down everything that happens to a connection, in words an admin reads."""

from datetime import datetime, timedelta

from blametrail.accounts.models import User
from blametrail.integrations.sentry.models import Connection, LedgerEntry, LedgerKind


def record(
    connection: Connection,
    kind: LedgerKind,
    text: str,
    *,
    at: datetime,
    grant: str = "",
    duration: timedelta | None = None,
    by: User | str | None = None,
) -> None:
    """Add an entry; call it inside the transaction of the change it tells of. ``by``: a person, or a name."""
    LedgerEntry.objects.create(
        connection=connection,
        kind=kind,
        text=text,
        at=at,
        grant=grant,
        duration=duration,
        actor=by if isinstance(by, User) else None,
        actor_name=str(by or ""),
    )
