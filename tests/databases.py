"""A fresh database for processes of their own, beside the one the tests use."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg


@contextmanager
def fresh_database(folder: Path) -> Iterator[str]:
    """Yield the address of an empty one: a file, or beside the PostgreSQL database that the environment names."""
    given = os.environ.get("BLAMETRAIL_DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield f"sqlite:///{folder / 'blametrail.sqlite3'}"
        return
    name = f"fresh_{secrets.token_hex(6)}"
    with psycopg.connect(given, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
