"""What follows from what: the jobs a worker runs, and what they do. Part of the assembly; imported by the worker."""

from django.utils import timezone

from blametrail.intake import deliveries
from blametrail.jobs import queue


def purge_deliveries() -> None:
    deliveries.purge(timezone.now())


queue.register("retention", purge_deliveries)
