"""The one insertion that must be fast: what newly arrived, without the cost of the ORM for each column and row."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from django.db import connection

from blametrail.intake.models import Delivery

VARYING = ("id", "received_at", "source", "endpoint", "resource", "headers", "body", "body_size", "due_at", "sender")


def insert(rows: Sequence[Delivery]) -> None:
    """Insert ``rows``, of which nothing but the columns in VARYING may be set, within the caller's transaction."""
    fields = [field for field in Delivery._meta.concrete_fields if field.name in VARYING]  # noqa: SLF001 -- documented
    names, constants = _constants()
    columns = ", ".join(map(connection.ops.quote_name, [*(str(field.column) for field in fields), *names]))
    table = connection.ops.quote_name(Delivery._meta.db_table)  # noqa: SLF001 -- documented
    values = [
        [*(field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields), *constants]
        for row in rows
    ]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            _copy(cursor, f"COPY {table} ({columns}) FROM STDIN", values)
        else:
            places = ", ".join(["%s"] * (len(fields) + len(constants)))
            cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", values)  # noqa: S608 -- names only


def _copy(cursor: Any, statement: str, values: Sequence[Sequence[Any]]) -> None:
    with connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in values:
            copy.write_row(row)


@cache
def _constants() -> tuple[list[str], list[Any]]:
    """Return the other columns' names, and what a delivery has there when it is new."""
    new = Delivery()
    fields = [field for field in Delivery._meta.concrete_fields if field.name not in VARYING]  # noqa: SLF001 -- documented
    prepared = [field.get_db_prep_save(getattr(new, field.attname), connection) for field in fields]
    return [str(field.column) for field in fields], prepared
