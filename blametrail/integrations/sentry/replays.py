"""Process deliveries again, because someone asks or because what they lacked is there now."""

from datetime import datetime

from django.db.models import Q, QuerySet

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.models import ProjectMapping


def replay(which: QuerySet[Delivery], *, now: datetime) -> int:
    """Process these again, whatever became of them, and return how many. The caller answers for whose they are."""
    return deliveries.requeue(Q(pk__in=which.order_by().values("pk")), now=now)


def replay_for_mapping(mapping: ProjectMapping, *, now: datetime) -> int:
    """Process again what was ignored for want of this mapping, or because it was not active."""
    project = Q(project=mapping.project_slug)
    if mapping.project_id:
        project |= Q(project=mapping.project_id)
    # A metric alert may be about several projects; one that is still not mapped is ignored again.
    of_project = project | Q(resource="metric_alert")
    outcomes = Q(status=Status.IGNORED, outcome__in=["not_mapped", "mapping_inactive"])
    return deliveries.requeue(outcomes & of_project & Q(connection_id=mapping.connection_id), now=now)
