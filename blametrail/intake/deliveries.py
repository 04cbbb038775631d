"""The life of a delivery in the database: stored, claimed, finished, failed, replayed, purged."""

import random
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import zstandard
from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, PositiveSmallIntegerField, Q, QuerySet, Value, When

from blametrail.intake import inserting, turns
from blametrail.intake.line import in_line
from blametrail.intake.models import Delivery, Status
from blametrail.jobs import queue as jobs
from blametrail.lib import encryption
from blametrail.lib.ids import new_id

JOB = "deliveries"
MAX_ATTEMPTS = 8
FIRST_DELAY = timedelta(seconds=10)
LONGEST_DELAY = timedelta(minutes=15)
PURGE_BATCH = 500  # a few milliseconds for each statement: nothing else waits long for the database
ZSTD_LEVEL = 3  # 20 kB to 6 kB in 50 us; higher levels save a tenth and cost three times as much
_LENGTHS = {
    "resource": 60,
    "action": 60,
    "sender": 80,
    "subject": 200,
    "project": 200,
    "outcome": 40,
}  # the columns' own


class ClaimLost(Exception):
    """The claim on this delivery ran out and another worker has it now: undo what was done for it."""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """An authentic webhook request that is not stored yet."""

    source: str
    endpoint: str
    resource: str
    headers: Mapping[str, str]
    body: bytes
    sender: str = ""
    # Chosen before anything is stored, so that what is stored in two places is still one delivery.
    id: uuid.UUID = field(default_factory=new_id)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What processing made of a delivery: ``status`` is PROCESSED or IGNORED, ``outcome`` a word for programs."""

    status: Status
    outcome: str
    explanation: Sequence[str] = ()
    action: str = ""
    sender: str = ""
    subject: str = ""
    project: str = ""
    organization_id: uuid.UUID | None = None
    connection_id: uuid.UUID | None = None
    incident_id: uuid.UUID | None = None


def store(batch: Sequence[Arrival], *, now: datetime) -> list[Delivery]:
    """Store all of ``batch`` in one transaction, due at once; or none of it."""
    rows = seal(batch, now=now)
    with in_line(), transaction.atomic():
        inserting.insert(rows)
    return rows


def seal(batch: Sequence[Arrival], *, now: datetime) -> list[Delivery]:
    """Return what would be stored for ``batch``: bodies compressed and encrypted."""
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL)
    return [_row(arrival, compressor, now=now) for arrival in batch]


def store_missing(rows: Sequence[Delivery]) -> None:
    """Store those of ``rows`` which are not stored yet, in one transaction."""
    with transaction.atomic():
        known = set(Delivery.objects.filter(id__in=[row.id for row in rows]).values_list("id", flat=True))
        Delivery.objects.bulk_create([row for row in rows if row.id not in known])


def _row(arrival: Arrival, compressor: zstandard.ZstdCompressor, *, now: datetime) -> Delivery:
    delivery = Delivery(
        id=arrival.id,
        received_at=now,
        due_at=now,
        source=arrival.source,
        endpoint=arrival.endpoint,
        resource=_fitting("resource", arrival.resource),
        sender=_fitting("sender", arrival.sender),
        headers=dict(arrival.headers),
        body_size=len(arrival.body),
    )
    delivery.body = settings.VAULT.seal(compressor.compress(arrival.body), belongs_to=_place(delivery))
    return delivery


def body_of(delivery: Delivery) -> bytes:
    """Return the body exactly as it was received. Raises encryption.CannotOpen."""
    packed = settings.VAULT.open(bytes(delivery.body), belongs_to=_place(delivery))
    return zstandard.ZstdDecompressor().decompress(packed)


def _place(delivery: Delivery) -> str:
    return encryption.place("Delivery", "body", delivery.id)


def _fitting(field: str, text: str) -> str:
    # What a stranger wrote must not make the row unstorable: PostgreSQL refuses long values and NUL characters.
    return text.replace("\0", "")[: _LENGTHS[field]]


def claim(*, limit: int, now: datetime, lasts: timedelta, after: str | None = None) -> list[Delivery]:
    """Reserve up to ``limit`` due deliveries for the caller; no two callers get the same one.

    Several senders share what is claimed, each with its oldest; the next in turn are those ``after`` that sender. A
    claim that ran out is taken over, and counts as an attempt: its worker may have died of that delivery.
    """
    unclaimed = Q(claimed_until__isnull=True) | Q(claimed_until__lte=now)
    due = Delivery.objects.filter(unclaimed, status=Status.PENDING, due_at__lte=now)
    if not due.exists():  # asked first, so that an idle worker never takes SQLite's one write lock
        return []
    claimed_by = new_id()
    taken_over = When(claim__isnull=False, attempts=0, then=Value(1))
    with in_line(), transaction.atomic():
        ids = _shared(due, limit=limit, after=after)
        Delivery.objects.filter(id__in=ids).update(
            claim=claimed_by,
            claimed_until=now + lasts,
            attempts=Case(taken_over, default=F("attempts"), output_field=PositiveSmallIntegerField()),
        )
    return list(Delivery.objects.filter(id__in=ids, claim=claimed_by).order_by("attempts", "due_at", "id"))


def _shared(due: QuerySet[Delivery], *, limit: int, after: str | None) -> list[uuid.UUID]:
    """Return the ids of up to ``limit`` of ``due``, the oldest of each of a few senders; some, if there are any."""
    ids: list[uuid.UUID] = []
    for senders in turns.groups(after):
        for position, sender in enumerate(senders):
            share = -(-(limit - len(ids)) // (len(senders) - position))
            # SQLite has no row locks, and Django leaves the clause out; there this transaction is the only writer.
            oldest = due.filter(sender=sender).order_by("due_at", "id").select_for_update(skip_locked=True)
            ids += oldest.values_list("id", flat=True)[:share]
        if ids:  # the senders may all have had nothing but what others have in hand, or what is not due yet
            break
    return ids


def begin(delivery: Delivery) -> None:
    """Count an attempt. Raises ClaimLost.

    The first attempt is only written when it fails. From the second on, it is on record before it starts, so that
    a delivery which kills its worker is told from its neighbours in the same claim and is given up in the end.
    """
    delivery.attempts += 1
    if delivery.attempts > 1:
        _update_if_claimed(delivery, attempts=delivery.attempts)


def finish(delivery: Delivery, *, outcome: Outcome, now: datetime) -> None:
    """Record the outcome, within the transaction that holds its effects. Raises ClaimLost."""
    texts = {name: _fitting(name, getattr(outcome, name)) for name in ("action", "sender", "subject", "project")}
    _update_if_claimed(
        delivery,
        **texts,
        status=outcome.status,
        outcome=_fitting("outcome", outcome.outcome),
        explanation="\n".join(outcome.explanation).replace("\0", ""),
        organization_id=outcome.organization_id,
        connection_id=outcome.connection_id,
        incident_id=outcome.incident_id,
        error="",
        processed_at=now,
        claim=None,
        claimed_until=None,
    )


def fail(delivery: Delivery, *, error: str, now: datetime) -> None:
    """Record why the attempt failed, and when the next is due; after MAX_ATTEMPTS give up. Raises ClaimLost."""
    gives_up = delivery.attempts >= MAX_ATTEMPTS
    due_at = now + delay_after(delivery.attempts)
    _update_if_claimed(
        delivery,
        status=Status.FAILED if gives_up else Status.PENDING,
        attempts=delivery.attempts,
        due_at=due_at,
        error=error.replace("\0", ""),
        processed_at=now if gives_up else None,
        claim=None,
        claimed_until=None,
    )
    if not gives_up:
        transaction.on_commit(lambda: jobs.wake(JOB, at=due_at))


def longest_delay_after(attempts: int) -> timedelta:
    """Return the most that is waited after so many failed attempts: doubled each time, up to a bound."""
    doublings = min(max(0, attempts - 1), 16)  # a timedelta is not without end
    doubled: timedelta = FIRST_DELAY * 2**doublings
    return min(LONGEST_DELAY, doubled)


def delay_after(attempts: int, *, chance: Callable[[], float] = random.random) -> timedelta:
    """Return a wait anywhere below the longest, so that what failed together does not come back together."""
    return longest_delay_after(attempts) * chance()


def release(deliveries: Iterable[Delivery]) -> None:
    """Give back claimed deliveries that were not begun, for any worker to claim at once."""
    for delivery in deliveries:
        Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim).update(claim=None, claimed_until=None)


def requeue(which: Q, *, now: datetime) -> int:
    """Make the deliveries that match ``which`` due again, as if they had just arrived; return how many.

    Those which a worker has in hand at this moment are left to it.
    """
    in_hand = Q(status=Status.PENDING, claimed_until__isnull=False, claimed_until__gt=now)
    count = Delivery.objects.filter(which, ~in_hand).update(
        status=Status.PENDING,
        due_at=now,
        attempts=0,
        claim=None,
        claimed_until=None,
        outcome="",
        explanation="",
        error="",
        processed_at=None,
    )
    if count:
        transaction.on_commit(lambda: jobs.wake(JOB))
    return count


def purge(now: datetime, *, keep: timedelta | None = None) -> int:
    """Delete deliveries older than the retention, unless something is still owed for them; return how many."""
    before = now - (keep or timedelta(days=settings.ENVIRONMENT.delivery_retention_days))
    old = Delivery.objects.filter(received_at__lt=before).exclude(status=Status.PENDING).order_by("received_at")
    purged = 0
    while ids := list(old.values_list("id", flat=True)[:PURGE_BATCH]):
        purged += Delivery.objects.filter(id__in=ids).delete()[0]
    return purged


def _update_if_claimed(delivery: Delivery, **changes: Any) -> None:
    mine = Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim, status=Status.PENDING)
    if delivery.claim is None or mine.update(**changes) != 1:
        raise ClaimLost(ClaimLost.__doc__)
