"""Which job does what: the one table that ties the queue's names to the product's verbs."""

from functools import partial

from django.utils import timezone

from blametrail.intake import deliveries, processing
from blametrail.intake.deliveries import Outcome
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry import processing as sentry
from blametrail.jobs import queue
from blametrail.jobs.queue import Job

_OF_SOURCE = {"sentry": sentry.process}


def process(delivery: Delivery) -> Outcome:
    """Let the integration that a delivery came from process it."""
    return _OF_SOURCE[delivery.source](delivery)


JOBS: dict[str, Job] = {
    deliveries.JOB: partial(processing.work_off, process, timezone.now),
}


def register() -> None:
    """Tell the queue of every job. A process that runs jobs calls this once, when it starts."""
    for name, job in JOBS.items():
        queue.register(name, job)
