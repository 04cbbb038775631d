"""Look again at deliveries, because an admin said so."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.models import Connection
from blametrail.integrations.sentry.queries import UNMAPPED
from blametrail.organizations import audit
from blametrail.organizations.access import Access


def one(access: Access, delivery: Delivery, *, now: datetime) -> int:
    return _replay(access, Q(pk=delivery.pk), f"{delivery.resource} {delivery.pk}", now=now)


def all_failed(access: Access, *, now: datetime) -> int:
    return _replay(access, Q(status=Status.FAILED), "All that failed", now=now)


def ignored_of_project(access: Access, connection: Connection, project: str, *, now: datetime) -> int:
    """Replay what was ignored for want of an active mapping of the project; return how many."""
    ignored = Q(connection_id=connection.pk, project=project, status=Status.IGNORED, outcome__in=UNMAPPED)
    return _replay(access, ignored, f"{connection}: {project}", now=now)


def _replay(access: Access, which: Q, subject: str, *, now: datetime) -> int:
    owned_by: uuid.UUID = access.organization.pk
    with transaction.atomic():
        count = deliveries.requeue(Q(organization_id=owned_by) & which, now=now)
        if count:
            audit.record(access, "delivery.replayed", subject, detail=f"{count} replayed.")
    return count
