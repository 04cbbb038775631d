"""Write down who changed what."""

from blametrail.organizations.access import Access
from blametrail.organizations.models import AuditEntry


def record(access: Access, verb: str, subject: str, *, detail: str = "") -> None:
    """Add an audit entry; call it inside the transaction of the change it tells of."""
    AuditEntry.objects.create(
        organization=access.organization,
        actor=access.user,
        actor_name=str(access.user),
        verb=verb,
        subject=subject[:200],
        detail=detail,
    )
