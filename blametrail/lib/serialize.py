"""Let one transaction at a time work on one subject, on either database."""

import hashlib

from django.db import connection


def serialize(subject: str) -> None:
    """Hold this transaction until no other transaction holds ``subject``; released at its end.

    On PostgreSQL a transaction-level advisory lock. SQLite has one writer at a time already, because our
    transactions there begin IMMEDIATE. Must be called inside ``transaction.atomic``.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("serialize() holds nothing outside a transaction.")
    if connection.vendor == "postgresql":
        number = int.from_bytes(hashlib.blake2b(subject.encode(), digest_size=8).digest(), signed=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
