"""Wake-up calls: a row says what is owed, a job only says that now is a good time to look.

A lost job, a killed worker or an empty queue costs a delay until the next sweep, never the work.
"""

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import close_old_connections
from huey import Huey, crontab
from huey.storage import PostgresStorage, SqliteStorage

log = structlog.get_logger()

Job = Callable[[], object]
registered: dict[str, Job] = {}

_SWEPT = "swept_at"
# What libpq understands besides the address itself; a database host that vanished is noticed within half a minute.
_PATIENCE = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_SCHEMA_LOCK = 0x626C616D65  # any number, as long as nothing else in this database locks it


# The two storages differ from huey's in that nothing is connected to before it is used: a database which is down must
# not keep the web process from starting, nor `blametrail doctor` from telling so.


class _FileStorage(SqliteStorage):  # type: ignore[misc]  # huey is published without types
    def _create_connection(self) -> sqlite3.Connection:
        # A file of its own: a wake-up must never wait for, or hold up, the product's one writer.
        settings.ENVIRONMENT.data_dir.mkdir(parents=True, exist_ok=True)
        connection: sqlite3.Connection = super()._create_connection()
        # No fsync for each wake-up: in WAL mode a crash may lose the last of them, but cannot harm the file.
        connection.execute("PRAGMA synchronous=NORMAL")
        for statement in self.ddl:
            connection.execute(statement)
        return connection


class _DatabaseStorage(PostgresStorage):  # type: ignore[misc]  # huey is published without types
    def _create_connection(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = self._connect()
        with connection.transaction():
            # "create table if not exists" fails when two processes do it at once.
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [_SCHEMA_LOCK])
            for statement in self.ddl:
                connection.execute(statement)
        return connection


def _connect() -> psycopg.Connection[Any]:
    database: dict[str, Any] = settings.DATABASES["default"]
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    address = {theirs: database[ours] for theirs, ours in names.items() if database[ours]}
    options = {name: value for name, value in database["OPTIONS"].items() if name != "pool"}
    return psycopg.connect(**{**_PATIENCE, **options, **address})


def build() -> Huey:
    common = {"results": False, "create_tables": False}
    if "postgresql" in str(settings.DATABASES["default"]["ENGINE"]):
        return Huey("blametrail", storage_class=_DatabaseStorage, connection=_connect, **common)
    path = settings.ENVIRONMENT.data_dir / "jobs.sqlite3"
    return Huey("blametrail", storage_class=_FileStorage, filename=str(path), **common)


huey: Huey = build()


def register(name: str, job: Job) -> None:
    """Let ``wake(name)`` run ``job``. A job works off what is due and may be run at any time, by any number."""
    registered[name] = job


def wake(name: str, *, at: datetime | None = None) -> None:
    """Ask a worker to run the job, now or at a moment. Never raises: the sweep would find the work anyway.

    However often it is asked, only one call for now waits in the queue, so that it stays short without a worker.
    """
    try:
        if at is not None:
            _run.schedule(args=(name,), eta=at)
        elif huey.put_if_empty(_waiting(name), data=True):
            _run(name)
    except Exception:  # whatever the queue's trouble, the row is safe and the sweep comes
        log.warning("jobs.wake_failed", job=name, exc_info=True)


def last_sweep_at() -> datetime | None:
    """Return when a worker last swept, which each does once a minute; None if none ever did."""
    written = huey.get(_SWEPT, peek=True)
    return datetime.fromisoformat(written) if written else None


def _waiting(name: str) -> str:
    return f"waiting.{name}"


@huey.task()  # type: ignore[untyped-decorator]  # huey is published without types
def _run(name: str) -> None:
    huey.delete(_waiting(name))  # before looking: what becomes due from here on deserves a call of its own
    close_old_connections()
    try:
        registered[name]()
    except Exception:
        # The job's rows are still owed and the sweep retries them; the log tells why it stopped.
        log.exception("jobs.failed", job=name)
    finally:
        close_old_connections()


@huey.periodic_task(crontab(minute="*"))  # type: ignore[untyped-decorator]  # huey is published without types
def sweep() -> None:
    """Run every job, once a minute and when a worker starts: huey's scheduler begins with its periodic tasks."""
    huey.put(_SWEPT, datetime.now(UTC).isoformat())
    for name in registered:
        _run(name)
