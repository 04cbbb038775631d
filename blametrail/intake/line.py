"""Standing in line for SQLite's one write lock, which by itself goes to whoever happens to look when it is free."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

SUFFIX = ".line"


@contextmanager
def in_line() -> Iterator[None]:
    """Hold the place at the head of the line meanwhile; on PostgreSQL there is none.

    SQLite only looks again after pauses of up to a tenth of a second. A worker that commits one transaction right
    after the other would starve the door, which has a second for everything. Whoever stands in line is woken.
    """
    if connection.vendor != "sqlite":
        yield
        return
    with open(f"{connection.settings_dict['NAME']}{SUFFIX}", "ab") as file:  # noqa: PTH123 -- NAME may be a URI
        fcntl.flock(file, fcntl.LOCK_EX)  # ends with the file, however the process ends
        yield
