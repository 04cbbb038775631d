"""What the pages read: connections, their ledger, mappings, and deliveries, of one organization at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q, QuerySet
from django.shortcuts import get_object_or_404

from blametrail.accounts.models import User
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry import standing
from blametrail.integrations.sentry.models import (
    ConnectAttempt,
    Connection,
    DisconnectReason,
    LedgerEntry,
    ProjectMapping,
    State,
)
from blametrail.integrations.sentry.standing import Standing
from blametrail.organizations.models import Membership, Organization, Role, hash_token

PAGE_SIZE = 50
TRAY_SIZE = 50
UNMAPPED = ("not_mapped", "mapping_inactive")
MOST_COUNTED = 1000  # counting further costs more than the exact number is worth


@dataclass(frozen=True)
class Listed:
    """A connection as a list shows it."""

    connection: Connection
    standing: Standing


def _connections(organization: Organization) -> QuerySet[Connection]:
    mapped = Count("mappings", filter=Q(mappings__is_active=True))
    rows = Connection.objects.of(organization).filter(archived_at=None).annotate(mapped=mapped)
    found: QuerySet[Connection] = rows.select_related("organization", "connected_by", "repairs", "app")
    return found


def connections(organization: Organization, *, now: datetime) -> list[Listed]:
    """Return the organization's connections: first what needs somebody, then by name."""
    rows = _connections(organization).order_by("sentry_organization_name", "connected_at")
    listed = [Listed(row, standing.of(row, now=now)) for row in rows]
    return sorted(listed, key=lambda it: (not it.standing.needs_admin, it.standing.is_settled))


def connection(organization: Organization, connection_id: uuid.UUID) -> Connection:
    """Return the connection. Raises Http404 for one of another organization."""
    found: Connection = get_object_or_404(_connections(organization), pk=connection_id)
    return found


@dataclass(frozen=True)
class Summary:
    connected: int
    needing_attention: int
    names: Sequence[str]

    @property
    def is_new(self) -> bool:
        return not (self.connected or self.needing_attention)


def summary(organization: Organization, *, now: datetime) -> Summary:
    listed = connections(organization, now=now)
    alive = [it for it in listed if it.connection.is_connected]
    return Summary(
        connected=len(alive),
        needing_attention=sum(it.standing.needs_admin or not it.standing.is_settled for it in listed),
        names=[str(it.connection) for it in alive],
    )


def lost(organization: Organization) -> list[Connection]:
    """Return the connections that were lost, rather than let go by a person here: an admin is needed."""
    rows = Connection.objects.of(organization).filter(archived_at=None, state=State.DISCONNECTED)
    return list(rows.exclude(disconnect_reason=DisconnectReason.BY_PERSON).order_by("disconnected_at"))


def configurers(organization: Organization) -> list[str]:
    """Return the names of those who may configure the organization, the owner first."""
    memberships = Membership.objects.of(organization).filter(role__in=[Role.OWNER, Role.ADMIN])
    people = memberships.select_related("user").order_by("-role", "joined_at")
    return [str(membership.user) for membership in people]


def attempt(state: str, *, user: User | None = None) -> ConnectAttempt | None:
    """Return the attempt that ``state`` stands for; only the user's own, if one is given."""
    # tenancy: found by an unguessable secret, before it is known which organization it is about
    attempts = ConnectAttempt.objects.select_related("organization", "app", "connection")
    mine = attempts.filter(user=user) if user else attempts
    return mine.filter(state_hash=hash_token(state)).first()


# --- pages of a long list ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Page:
    """One page, newest first; ``older`` and ``newer`` are the ids to continue from, None at an end."""

    rows: list[Any]
    older: uuid.UUID | None
    newer: uuid.UUID | None


def page(rows: QuerySet[Any], *, before: uuid.UUID | None = None, after: uuid.UUID | None = None) -> Page:
    """Return a page of ``rows`` by id, which grows with time: those before, or just after, the given one."""
    if after is not None:
        found = list(rows.filter(pk__gt=after).order_by("pk")[: PAGE_SIZE + 1])
        shown = found[:PAGE_SIZE][::-1]
        newer = shown[0].pk if len(found) > PAGE_SIZE else None
        return Page(shown, shown[-1].pk if shown else None, newer)
    earlier = rows.filter(pk__lt=before) if before is not None else rows
    found = list(earlier.order_by("-pk")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    older = shown[-1].pk if len(found) > PAGE_SIZE else None
    return Page(shown, older, shown[0].pk if before is not None and shown else None)


def ledger(connection: Connection, *, kind: str = "") -> QuerySet[LedgerEntry]:
    # tenancy: of a connection that came through the door
    entries = LedgerEntry.objects.filter(connection=connection).select_related("actor")
    return entries.filter(kind=kind) if kind else entries


# --- mappings ---------------------------------------------------------------------------------------------------


def mappings(connection: Connection) -> list[ProjectMapping]:
    rows = ProjectMapping.objects.of(connection.organization).filter(connection=connection).select_related("service")
    return list(rows.order_by("project_slug"))


@dataclass(frozen=True)
class Waiting:
    """A project whose webhooks were ignored, and the mapping that it has by now."""

    project: str
    count: int
    last_at: datetime
    mapping: ProjectMapping | None


def tray(connection: Connection, mapped: Sequence[ProjectMapping]) -> list[Waiting]:
    """Return the projects whose webhooks were ignored for want of an active mapping, the latest first."""
    # tenancy: of a connection that came through the door
    ignored = Delivery.objects.filter(
        connection_id=connection.pk, status=Status.IGNORED, outcome__in=UNMAPPED
    ).exclude(project="")
    grouped = ignored.values("project").annotate(count=Count("pk"), last_at=Max("received_at")).order_by("-last_at")
    by_name = {name: mapping for mapping in mapped for name in (mapping.project_slug, mapping.project_id) if name}
    return [Waiting(**group, mapping=by_name.get(group["project"])) for group in grouped[:TRAY_SIZE]]


# --- deliveries -------------------------------------------------------------------------------------------------


def deliveries(organization: Organization) -> QuerySet[Delivery]:
    """Return what is known to be the organization's own; what could not be told apart belongs to nobody."""
    # The bodies are large and sealed: a list has no use for them.
    # tenancy: a delivery knows nothing of the product but the organization's id
    return Delivery.objects.filter(organization_id=organization.pk, source="sentry").defer("body", "headers")


def delivery(organization: Organization, delivery_id: uuid.UUID) -> Delivery:
    """Return one delivery with its body. Raises Http404 for one of another organization."""
    # tenancy: as above
    rows = Delivery.objects.filter(organization_id=organization.pk, source="sentry")
    return get_object_or_404(rows, pk=delivery_id)


def count_up_to(rows: QuerySet[Any], most: int = MOST_COUNTED) -> int:
    return rows.values("pk")[:most].count()
