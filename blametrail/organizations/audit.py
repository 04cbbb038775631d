"""Write down who changed what, and read it back."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from blametrail.organizations.access import Access
from blametrail.organizations.models import AuditEntry, Organization

PAGE_SIZE = 50

# The first word of a verb, and what the page calls it. A verb outside this list is shown under "Everything".
GROUPS = {
    "organization": "Organization",
    "member": "Members",
    "invitation": "Invitations",
    "service": "Services",
    "connection": "Connections",
    "mapping": "Mappings",
    "delivery": "Deliveries",
}


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


@dataclass(frozen=True)
class Page:
    entries: list[AuditEntry]
    older_than: UUID | None
    """The entry to continue after, if there is more."""


def page(organization: Organization, *, group: str = "", older_than: UUID | None = None) -> Page:
    """Return one page, newest first. Raises AuditEntry.DoesNotExist if ``older_than`` is not of this organization."""
    entries = AuditEntry.objects.of(organization).order_by("-at", "-id")
    if group:
        entries = entries.filter(verb__startswith=f"{group}.")
    if older_than:
        last = AuditEntry.objects.of(organization).get(pk=older_than)
        entries = entries.filter(Q(at__lt=last.at) | Q(at=last.at, id__lt=last.pk))
    found = list(entries[: PAGE_SIZE + 1])
    more = len(found) > PAGE_SIZE
    return Page(entries=found[:PAGE_SIZE], older_than=found[PAGE_SIZE - 1].pk if more else None)
