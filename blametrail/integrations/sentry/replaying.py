"""Look again at deliveries, because an admin said so."""

import uuid
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry import replays
from blametrail.integrations.sentry.models import ProjectMapping
from blametrail.organizations import audit
from blametrail.organizations.access import Access


def one(access: Access, delivery: Delivery, *, now: datetime) -> int:
    return _replay(access, Q(pk=delivery.pk), f"{delivery.resource} {delivery.pk}", now=now)


def all_failed(access: Access, *, now: datetime) -> int:
    return _replay(access, Q(status=Status.FAILED), "All that failed", now=now)


def for_mapping(access: Access, mapping: ProjectMapping, *, now: datetime) -> int:
    """Replay what was ignored for want of this mapping, or because it was inactive; return how many."""
    with transaction.atomic():
        count = replays.replay_for_mapping(mapping, now=now)
        if count:
            audit.record(access, "delivery.replayed", f"Project {mapping.project_slug}", detail=_counted(count))
    return count


def _replay(access: Access, which: Q, subject: str, *, now: datetime) -> int:
    owned_by: uuid.UUID = access.organization.pk
    with transaction.atomic():
        count = deliveries.requeue(Q(organization_id=owned_by) & which, now=now)
        if count:
            audit.record(access, "delivery.replayed", subject, detail=_counted(count))
    return count


def _counted(count: int) -> str:
    return f"{count} webhook{'s' if count != 1 else ''}."
