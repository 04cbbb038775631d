"""Deliveries on their way through the spool: written down as they would be stored, and stored from there."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from django.db import DataError, IntegrityError

from blametrail.intake import deliveries
from blametrail.intake.deliveries import Arrival
from blametrail.intake.models import Delivery
from blametrail.intake.spool import Spool

log = structlog.get_logger()

JOB = "spool"
FOLDER = "spool"
# Something in one row, not the database, is at fault: PostgreSQL says ValueError to a NUL character.
ROWS_AT_FAULT = (DataError, IntegrityError, ValueError, TypeError)


class _Row(msgspec.Struct, kw_only=True):
    """What is known of a delivery when it arrives. Its body is sealed already."""

    id: UUID
    received_at: datetime
    source: str
    endpoint: str
    resource: str
    headers: dict[str, Any]
    body: bytes
    body_size: int
    sender: str = ""


@cache
def of_this_process() -> Spool:
    """Return the spool of this process: the one folder of this machine, with files of its own in it."""
    environment = settings.ENVIRONMENT
    return Spool(environment.data_dir / FOLDER, max_bytes=environment.spool_max_bytes)


def keep(spool: Spool, batch: Sequence[Arrival], *, now: datetime) -> None:
    """Keep ``batch`` in the spool. Raises spool.Full and OSError."""
    spool.append([_written(row) for row in deliveries.seal(batch, now=now)])


def store_some(spool: Spool) -> bool:
    """Move the oldest deliveries of the spool to the database; tell whether there were any.

    What the database raises is raised here, and nothing is lost by it.
    """
    return spool.drain_some(_store)


def drain(spool: Spool, wake: Callable[[], object]) -> None:
    """Move to the database whatever processes that are gone have left in the spool."""
    moved = False
    try:
        while store_some(spool):
            moved = True
    finally:
        if moved:
            wake()


def _store(contents: Sequence[bytes]) -> list[bytes]:
    """Store what is not stored yet; return what cannot be."""
    rows, refused = [], []
    for content in contents:
        try:
            rows.append((_read(content), content))
        except msgspec.DecodeError:  # written by another version
            refused.append(content)
    try:
        deliveries.store_missing([row for row, _content in rows])
    except ROWS_AT_FAULT:
        refused += [content for row, content in rows if not _store_one(row)]
    log.info("spool.drained", deliveries=len(rows))
    return refused


def _store_one(row: Delivery) -> bool:
    try:
        deliveries.store_missing([row])
    except ROWS_AT_FAULT:
        log.exception("spool.refused", delivery=str(row.id))
        return False
    return True


def _written(delivery: Delivery) -> bytes:
    return msgspec.msgpack.encode(_Row(**{name: getattr(delivery, name) for name in _Row.__struct_fields__}))


def _read(content: bytes) -> Delivery:
    row = msgspec.msgpack.decode(content, type=_Row)
    return Delivery(due_at=row.received_at, **msgspec.structs.asdict(row))
