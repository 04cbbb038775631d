"""Whose turn it is: the senders that something is owed for, one after the other, and round again."""

import uuid
from collections.abc import Iterator
from itertools import islice

from django.db import connection

from blametrail.intake.models import Delivery, Status

SENDERS_AT_ONCE = 10  # each costs a query; who is not among them is among the next
# From one sender to the next through the index: what it costs depends on the senders, not on their backlog.
_NEXT = """
WITH RECURSIVE turn (sender) AS (
    SELECT min(sender) FROM {table} WHERE status = %(pending)s AND sender > %(beyond)s
    UNION ALL
    SELECT (SELECT min(sender) FROM {table} WHERE status = %(pending)s AND sender > turn.sender)
    FROM turn WHERE turn.sender IS NOT NULL
)
SELECT sender FROM turn WHERE sender IS NOT NULL LIMIT %(limit)s
"""


def groups(after: str | None) -> Iterator[list[str]]:
    """Yield every sender with pending deliveries once, in groups; first those after ``after``, or after anyone."""
    everyone = _from(str(uuid.uuid4()) if after is None else after)
    while group := list(islice(everyone, SENDERS_AT_ONCE)):
        yield group


def _from(start: str) -> Iterator[str]:
    seen = set()
    for sender in _beyond(start):
        seen.add(sender)
        yield sender
    if Delivery.objects.filter(status=Status.PENDING, sender="").exists():
        yield ""
    for sender in _beyond(""):
        if sender in seen:  # once round; the database's order is not asked of Python
            return
        yield sender


def _beyond(sender: str) -> Iterator[str]:
    while found := _next(sender):
        yield from found
        if len(found) < SENDERS_AT_ONCE:
            return
        sender = found[-1]


def _next(beyond: str) -> list[str]:
    statement = _NEXT.format(table=connection.ops.quote_name(Delivery._meta.db_table))  # noqa: SLF001 -- documented
    with connection.cursor() as cursor:
        cursor.execute(statement, {"pending": Status.PENDING, "beyond": beyond, "limit": SENDERS_AT_ONCE})
        return [sender for (sender,) in cursor.fetchall()]
