"""Write down everything that happens to a connection, in words an admin reads."""

from datetime import datetime, timedelta

from django.db.models import Q

from blametrail.accounts.models import User
from blametrail.integrations.sentry.models import Connection, LedgerEntry, LedgerKind

# Renewals and proofs make about 3,000 entries a year for each connection; three months show their rhythm.
ROUTINE_KEPT_FOR = timedelta(days=90)
KEPT_FOR = timedelta(days=730)
ROUTINE = (LedgerKind.RENEWED, LedgerKind.PROVED)


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


def forget_old(*, now: datetime) -> None:
    """Delete entries past their retention: what went well sooner, what changed or failed after two years."""
    routine = Q(kind__in=ROUTINE, at__lt=now - ROUTINE_KEPT_FOR)
    LedgerEntry.objects.filter(routine | Q(at__lt=now - KEPT_FOR)).delete()
