"""Work off what is due: each delivery in one transaction together with everything it causes."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from blametrail.intake import deliveries
from blametrail.intake.deliveries import ClaimLost, Outcome
from blametrail.intake.durability import commits_may_be_repeated
from blametrail.intake.line import in_line
from blametrail.intake.models import Delivery
from blametrail.jobs import queue as jobs

log = structlog.get_logger()

BATCH = 50
CLAIM_LASTS = timedelta(seconds=30)  # several rounds; a killed worker's share waits this long
ROUND_LASTS = timedelta(seconds=5)  # then other jobs have their turn; a renewal must not wait for a flood
# Two transactions met: a unique constraint, a deadlock, "database is locked", a connection that died. Worth another
# try at once; the second usually finds what the first one lost to.
PASSING = (IntegrityError, OperationalError, InterfaceError)
TRIES_AT_ONCE = 4

Process = Callable[[Delivery], Outcome]


def work_off(process: Process, now_from: Callable[[], datetime]) -> int:
    """Process what is due, for one round, and return how many were taken in hand. Any number may do so at once.

    ``process`` is called inside a transaction in which its effects and the outcome are committed together. What it
    raises is recorded on the delivery and tried again later, a bounded number of times.
    """
    with commits_may_be_repeated():  # the delivery is owed until its effects are durable together with its outcome
        return _round(process, now_from)


def _round(process: Process, now_from: Callable[[], datetime]) -> int:
    count, after = 0, None
    ends_at = now_from() + ROUND_LASTS
    while batch := deliveries.claim(limit=BATCH, now=now_from(), lasts=CLAIM_LASTS, after=after):
        after = max(delivery.sender for delivery in batch)
        for position, delivery in enumerate(batch):
            if now_from() >= ends_at:
                deliveries.release(batch[position:])
                jobs.wake(deliveries.JOB)
                return count
            count += 1
            _attempt(delivery, process, now_from)
    return count


def _attempt(delivery: Delivery, process: Process, now_from: Callable[[], datetime]) -> None:
    try:
        if delivery.attempts >= deliveries.MAX_ATTEMPTS:
            deliveries.fail(delivery, error="The worker stopped each time it processed this.", now=now_from())
            return
        deliveries.begin(delivery)
        try:
            _process(delivery, process, now_from)
        except ClaimLost:
            raise
        except Exception as error:
            log.exception("delivery.failed", delivery=str(delivery.id), attempt=delivery.attempts)
            deliveries.fail(delivery, error=f"{type(error).__name__}: {error}", now=now_from())
    except ClaimLost:
        log.warning("delivery.claim_lost", delivery=str(delivery.id))


def _process(delivery: Delivery, process: Process, now_from: Callable[[], datetime]) -> None:
    for tries_left in reversed(range(TRIES_AT_ONCE)):
        try:
            with in_line(), transaction.atomic():
                deliveries.finish(delivery, outcome=process(delivery), now=now_from())
        except PASSING:
            connection.close_if_unusable_or_obsolete()
            if not tries_left:
                raise
        else:
            return
