"""Wake-up calls: a row says what is owed, a job only says that now is a good time to look.

A lost job, a killed worker or an empty queue costs a delay until the next sweep, never the work.
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from django.conf import settings
from django.db import close_old_connections
from huey import Huey, PostgresHuey, SqliteHuey, crontab

log = structlog.get_logger()

Job = Callable[[], object]
_jobs: dict[str, Job] = {}


def _build() -> Huey:
    database = settings.DATABASES["default"]
    if "postgresql" in str(database["ENGINE"]):
        return PostgresHuey(
            "blametrail",
            dbname=database["NAME"],
            user=database["USER"] or None,
            password=database["PASSWORD"] or None,
            host=database["HOST"] or None,
            port=database["PORT"] or None,
            results=False,
        )
    # A file of its own: a wake-up must never wait for, or hold up, the product's one writer.
    path = settings.ENVIRONMENT.data_dir / "jobs.sqlite3"
    return SqliteHuey("blametrail", filename=str(path), results=False)


huey: Huey = _build()


def register(name: str, job: Job) -> None:
    """Let ``wake(name)`` run ``job``. A job works off all that is due and may be run at any time, by any number."""
    _jobs[name] = job


def wake(name: str, *, at: datetime | None = None) -> None:
    """Ask a worker to run the job, now or at a moment. Never raises: the sweep would find the work anyway."""
    try:
        if at is None:
            _run(name)
        else:
            _run.schedule(args=(name,), eta=at)
    except Exception:  # whatever the queue's trouble, the row is safe and the sweep comes
        log.warning("jobs.wake_failed", job=name, exc_info=True)


@huey.task()  # type: ignore[untyped-decorator]  # huey is published without types
def _run(name: str) -> None:
    close_old_connections()
    try:
        _jobs[name]()
    except Exception:
        # The job's rows are still owed and the sweep retries them; the log tells why it stopped.
        log.exception("jobs.failed", job=name)
    finally:
        close_old_connections()


@huey.periodic_task(crontab(minute="*"))  # type: ignore[untyped-decorator]  # huey is published without types
def _sweep() -> None:
    for name in _jobs:
        wake(name)
