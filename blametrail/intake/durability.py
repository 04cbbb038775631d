"""For work that is owed by a row until it is committed: losing its last commits in a power cut only repeats it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, InterfaceError, connection

_RELAXED = {"postgresql": ("synchronous_commit", "off"), "sqlite": ("synchronous", "1")}  # 1 is NORMAL
_SHOW = {"postgresql": "SHOW {name}", "sqlite": "PRAGMA {name}"}
_CHANGE = {"postgresql": "SET {name} TO {value}", "sqlite": "PRAGMA {name} = {value}"}
_NO_STRICTER = {"off", "0", "1"}


@contextmanager
def commits_may_be_repeated() -> Iterator[None]:
    """Do not wait for the disk at each commit of this thread's connection meanwhile.

    A crash of the machine may then lose the newest commits, each as a whole and never one in between. Whatever
    commits in the usual way, on any connection, makes all that was committed before it durable too. Must not be
    entered within a transaction, where SQLite cannot change this.
    """
    name, relaxed = _RELAXED[connection.vendor]
    before = str(_run(_SHOW[connection.vendor].format(name=name)))
    if before in _NO_STRICTER:
        yield
        return
    change = _CHANGE[connection.vendor]
    _run(change.format(name=name, value=relaxed))
    try:
        yield
    finally:
        with suppress(DatabaseError, InterfaceError):  # a connection that was lost has lost this, too
            _run(change.format(name=name, value=before))


def _run(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0] if cursor.description else None
