"""Webhooks in any order, many times over, from many connections, while the worker is killed again and again."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from blametrail.catalog.models import Service
from blametrail.incidents.models import EntryKind, Incident, Occurrence, TimelineEntry
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.models import Connection, ProjectMapping
from tests.integrations.sentry.hooks import connected, sentry_app
from tests.jobs.processes import line_with, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.drill]

RECORDINGS = Path(__file__).parents[1] / "recordings" / "webhooks"
SECRET = "e14835d4d5f363e353c7bc0a6c57f69092f99b128d7ac784bdbf3e82889792a4"
INSTALLATIONS = {
    "acme": (UUID("fbcd21ae-bc82-4c32-a9a3-fe1b6131adbe"), "acme-web", "2"),
    "globex": (UUID("5bb9a2ac-aba7-40e1-b7e1-0625eb2e40bd"), "globex-site", "4"),
}
COPIES = 200
SENDERS = 8
BETWEEN_KILLS = 2.0  # seconds
SEED = 20261123

Recorded = tuple[dict[str, str], bytes]


def recorded() -> list[Recorded]:
    """Return what the public integration was sent about issues, as it was sent, in that order."""
    hooks = []
    for path in sorted(RECORDINGS.glob("*.http")):
        head = path.read_bytes().split(b"\r\n\r\n")[0].decode().replace("\r\n", "\n").split("\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        if head[0].startswith("POST /hooks/sentry ") and headers["Sentry-Hook-Resource"] != "installation":
            kept = {
                name: value for name, value in headers.items() if name.startswith(("Sentry-Hook", "Content-Type"))
            }
            hooks.append((kept, path.with_suffix(".body").read_bytes()))
    return hooks


@pytest.fixture
def connections(acme) -> list[Connection]:
    app = sentry_app(key="blametrail", secret=SECRET)
    made = []
    for name, (installation, slug, project_id) in INSTALLATIONS.items():
        connection = connected(acme, app, installation=installation)
        service = Service.objects.create(organization=acme, name=f"{name} site")
        ProjectMapping.objects.create(
            connection=connection, service=service, project_slug=slug, project_id=project_id
        )
        made.append(connection)
    return made


@contextmanager
def web() -> Iterator[str]:
    with running("tests.drills.serve") as process:
        yield line_with(process, "http://").split()[-1]


def send(address: str, hooks: list[Recorded]) -> Counter[int]:
    with httpx.Client(timeout=30, trust_env=False) as sentry:
        return Counter(sentry.post(address, content=body, headers=headers).status_code for headers, body in hooks)


def flood(address: str, hooks: list[Recorded]) -> Counter[int]:
    with ThreadPoolExecutor(SENDERS) as senders:
        shares = [hooks[number::SENDERS] for number in range(SENDERS)]
        return sum(senders.map(send, [address] * SENDERS, shares), Counter())


@contextmanager
def worker_that_is_killed() -> Iterator[None]:
    """Run a worker that is killed every other second and started again, and whole again at the end."""
    is_over = threading.Event()

    def kill_and_restart() -> None:
        while not is_over.is_set():
            with running("blametrail.cli", "worker"):
                is_over.wait(BETWEEN_KILLS)

    thread = threading.Thread(target=kill_and_restart)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def wait_until_nothing_is_pending(*, seconds: float = 150) -> None:
    ends_at, pause = time.monotonic() + seconds, threading.Event()
    while Delivery.objects.filter(status=Status.PENDING).exists() and time.monotonic() < ends_at:
        pause.wait(0.2)
    assert not Delivery.objects.filter(status=Status.PENDING).exists()


def told() -> dict[str, Any]:
    """Return what incidents there are and all that is told of them, but for when we came to know it."""
    entries = TimelineEntry.objects.exclude(kind=EntryKind.SEVERITY)
    return {
        "incidents": sorted(
            Incident.objects.values_list("alert_key", "title", "status", "service__name", "occurrences", "started_at")
        ),
        "timeline": sorted(entries.values_list("incident__alert_key", "kind", "text", "at", "actor_name")),
        "counted": sorted(Occurrence.objects.values_list("incident__alert_key", "key")),
    }


def forget() -> None:
    for model in (Occurrence, TimelineEntry, Incident, Delivery):
        model._base_manager.all().delete()  # noqa: SLF001 -- the manager to show leaves some rows out


def test_copies_in_disorder_with_a_dying_worker_end_in_one_incident_each(connections):
    hooks = recorded()
    with web() as address, running("blametrail.cli", "worker"):
        for hook in hooks:
            assert send(address, [hook]) == {202: 1}
            wait_until_nothing_is_pending()
    once_in_order = told()
    forget()
    copies = hooks * COPIES
    random.Random(SEED).shuffle(copies)

    with web() as address:
        with worker_that_is_killed():
            answers = flood(address, copies)
        with running("blametrail.cli", "worker"):
            wait_until_nothing_is_pending()

    assert answers == {202: len(copies)}
    assert Delivery.objects.count() == len(copies)
    assert not Delivery.objects.filter(status=Status.FAILED).exists()
    assert len(once_in_order["incidents"]) == 2
    assert told() == once_in_order
