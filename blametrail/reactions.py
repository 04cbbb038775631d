"""What follows from what: the jobs a worker runs, and what they do. Part of the assembly; imported by the worker."""

from functools import partial

from django.contrib.sessions.backends.db import SessionStore
from django.utils import timezone

from blametrail.intake import deliveries, processing, spooling
from blametrail.intake.deliveries import Outcome
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry import adopting, connecting, ledger, notices, proving, renewals
from blametrail.integrations.sentry import processing as sentry
from blametrail.jobs import queue
from blametrail.jobs.queue import Job

PROCESS_OF_SOURCE = {"sentry": sentry.process}


def process(delivery: Delivery) -> Outcome:
    """Let the integration that the delivery came from process it."""
    return PROCESS_OF_SOURCE[delivery.source](delivery)


def forget_the_old() -> None:
    """Delete what its retention or its use has outlived."""
    now = timezone.now()
    deliveries.purge(now)
    connecting.forget_old(now=now)
    ledger.forget_old(now=now)
    SessionStore.clear_expired()


def drain_spool() -> None:
    """Store what a web process that is gone from this machine had to leave in the spool."""
    spooling.drain(spooling.of_this_process(), lambda: queue.wake(deliveries.JOB))


JOBS: dict[str, Job] = {
    deliveries.JOB: partial(processing.work_off, process, timezone.now),
    spooling.JOB: drain_spool,
    "renewals": renewals.renew_due,
    "settling": adopting.settle_due,
    "proofs": proving.prove_due,
    "notices": notices.send_due,
    "retention": forget_the_old,
}

for _name, _job in JOBS.items():
    queue.register(_name, _job)
