"""What ``blametrail doctor`` looks at, and what it says."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx
import psycopg
from django.conf import settings
from django.core import mail
from django.db import Error as DatabaseTrouble
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.models import SentryApp
from blametrail.jobs import queue
from blametrail.keys import places, proof

SAMPLE = 20
LITTLE_SPACE = 1024**3
TOO_LITTLE_SPACE = 200 * 1024**2
CLOCK_MAY_DIFFER = timedelta(seconds=30)  # a renewal is a JWT that is valid for minutes
SENTRY_PATIENCE = 5  # seconds
SWEEP_EXPECTED_WITHIN = timedelta(minutes=3)  # it comes once a minute
LATE = timedelta(minutes=5)


@dataclass(frozen=True)
class Finding:
    level: str
    subject: str
    text: str


def ok(subject: str, text: str) -> Finding:
    return Finding("ok", subject, text)


def warning(subject: str, text: str) -> Finding:
    return Finding("warning", subject, text)


def problem(subject: str, text: str) -> Finding:
    return Finding("problem", subject, text)


def run() -> Iterator[Finding]:
    """Look at one thing after the other. What needs the database is left out where that cannot be used."""
    for check in (address, data_folder, disk):
        yield check()
    found = database()
    yield found
    if found.level == "ok":
        yield from (check() for check in (keys, sentry_app, worker, late_deliveries, failed_deliveries))
    yield email()
    yield from sentry_and_clock(now=timezone.now())


def address() -> Finding:
    parts = urlsplit(settings.BASE_URL)
    if parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}:
        return ok("Address", settings.BASE_URL)
    return warning("Address", f"{settings.BASE_URL} has no TLS: passwords and webhooks cross the network in clear.")


def data_folder() -> Finding:
    folder = settings.ENVIRONMENT.data_dir
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ok("Data folder", f"{folder} can be written to.")
    except OSError as error:
        return problem("Data folder", f"{folder} cannot be written to ({error.strerror}).")


def disk() -> Finding:
    free = shutil.disk_usage(settings.ENVIRONMENT.data_dir).free
    text = f"{free / 1024**3:.1f} GB are free."
    if free < TOO_LITTLE_SPACE:
        return problem("Disk", f"{text} Deliveries will soon be refused.")
    return warning("Disk", text) if free < LITTLE_SPACE else ok("Disk", text)


def database() -> Finding:
    try:
        executor = MigrationExecutor(connection)
    except DatabaseTrouble as error:
        return problem("Database", f"cannot be used: {str(error).strip().splitlines()[0]}")
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return problem("Database", "is not up to date. Run: blametrail migrate")
    return ok("Database", f"{connection.vendor}, reachable and up to date.")


def keys() -> Finding:
    """Open the oldest and the newest in each place, since keys change with time. `keys verify` opens everything."""
    sample = proof.Proof()
    for place in places.PLACES:
        for rows in (places.oldest(place, limit=SAMPLE), places.newest(place, limit=SAMPLE)):
            proof.examine(place, rows, settings.VAULT, sample)
        for reason in sample.unreadable:
            return problem("Keys", f"{place.name}: not all can be opened. {reason}")
    current = settings.VAULT.current_key_name
    if older := sorted(sample.under.keys() - {current}):
        return warning("Keys", f"something is still under {', '.join(older)}. Run: blametrail keys rotate")
    return ok("Keys", f"the oldest and newest of everything encrypted open, all under {current}.")


def sentry_app() -> Finding:
    if SentryApp.objects.exists():
        return ok("Sentry app", ", ".join(map(str, SentryApp.objects.order_by("id"))))
    if settings.ENVIRONMENT.sentry_app_slug:
        return ok("Sentry app", f"{settings.ENVIRONMENT.sentry_app_slug} at {settings.ENVIRONMENT.sentry_base_url}")
    return warning("Sentry app", "none is set up; only internal integrations can be connected.")


def worker() -> Finding:
    try:
        swept_at = queue.last_sweep_at()
    except (psycopg.Error, sqlite3.Error) as error:  # the queue's own connection is not Django's
        return problem("Worker", f"the queue cannot be read: {str(error).strip().splitlines()[0]}")
    if swept_at is None or datetime.now(UTC) - swept_at > SWEEP_EXPECTED_WITHIN:
        return problem("Worker", "none is running: nothing is processed or renewed. Run: blametrail worker")
    return ok("Worker", "is running.")


def late_deliveries() -> Finding:
    late = Delivery.objects.filter(status=Status.PENDING, due_at__lt=timezone.now() - LATE)
    if late.exists():
        return warning("Waiting deliveries", f"{late.count()} wait for more than {LATE.seconds // 60} minutes.")
    return ok("Waiting deliveries", "none is late.")


def failed_deliveries() -> Finding:
    count = Delivery.objects.filter(status=Status.FAILED).count()
    if count:
        return warning("Failed deliveries", f"{count} were given up; each can be replayed on its page.")
    return ok("Failed deliveries", "none.")


def email() -> Finding:
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        return warning("E-mail", "is not sent, only written down. Set BLAMETRAIL_EMAIL_URL to an SMTP server.")
    try:
        with mail.get_connection():
            return ok("E-mail", f"{settings.EMAIL_HOST} answers.")
    except OSError as error:
        return problem("E-mail", f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} cannot be used: {error}")


def sentry_and_clock(*, now: datetime) -> Iterator[Finding]:
    for base_url in _sentry_addresses():
        try:
            answer = httpx.head(base_url, timeout=SENTRY_PATIENCE)
        except httpx.HTTPError as error:
            yield problem("Sentry", f"{base_url} cannot be reached ({type(error).__name__}).")
        else:
            yield ok("Sentry", f"{base_url} answers.")
            yield clock(answer.headers.get("date"), now=now)


def _sentry_addresses() -> list[str]:
    configured = settings.ENVIRONMENT.sentry_base_url
    try:
        return sorted({configured, *SentryApp.objects.values_list("base_url", flat=True)})
    except DatabaseTrouble:  # which was told before
        return [configured]


def clock(their_date: str | None, *, now: datetime) -> Finding:
    try:
        differs = abs(parsedate_to_datetime(their_date or "") - now)
    except (ValueError, TypeError):
        return warning("Clock", "could not be compared with Sentry's.")
    if differs > CLOCK_MAY_DIFFER + timedelta(seconds=SENTRY_PATIENCE):
        return problem(
            "Clock", f"differs from Sentry's by {differs.total_seconds():.0f} s; renewals will be refused."
        )
    return ok("Clock", "agrees with Sentry's.")
