"""The key is changed while tokens are renewed and webhooks arrive."""

import base64
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections
from django.utils import timezone

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry import client, tokens
from blametrail.integrations.sentry.models import Connection
from blametrail.keys import places, proof, rotation
from blametrail.lib.encryption import Vault
from tests.intake.test_writer import arrival
from tests.jobs.processes import running
from tests.keys.sealing import NEW, OLD, PLANTED

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.drill]

ORGANIZATIONS = ("acme-rockets", "globex", "initech")
BODIES = places.PLACES[-1]
TOKENS = [place for place in places.PLACES if place.model is Connection]
RENEWALS = 15  # of each connection
STORED_BEFORE = 3_000
ROTATING = Vault([NEW, OLD])
WRITTEN = ",".join(f"{key.name}:{base64.b64encode(key.secret).decode()}" for key in (NEW, OLD))


@pytest.fixture
def old_rows(connect, settings) -> list[Connection]:
    """Three connections and many webhooks, all under the old key; then the new one is put in front."""
    settings.VAULT = Vault([OLD])
    made = [connect(organization) for organization in ORGANIZATIONS]
    store(STORED_BEFORE)
    settings.VAULT = ROTATING
    return made


def store(count: int) -> None:
    # Random, so that bodies are as large in the database as they are here.
    bodies = [PLANTED.encode() + os.urandom(2_000) for _ in range(count)]
    deliveries.store([arrival(body=body) for body in bodies], now=timezone.now())


@contextmanager
def again_and_again(*jobs: Callable[[], Any]) -> Iterator[list[list[Any]]]:
    """Do each job over and over in a thread of its own; at the end, the lists hold what each returned."""
    is_over = threading.Event()

    def repeat(job: Callable[[], Any], returned: list[Any]) -> None:
        try:
            while not is_over.is_set():
                returned.append(job())
        finally:
            connections.close_all()

    returned: list[list[Any]] = [[] for _ in jobs]
    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(repeat, *each) for each in zip(jobs, returned, strict=True)]
        try:
            yield returned
        finally:
            is_over.set()
        for future in futures:
            future.result()


class Renewing:
    """Renews one connection and sees whether what it stored is still there the next time. Nobody else renews it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.last = connection.access_token

    def __call__(self) -> bool:
        is_kept = Connection.objects.get(pk=self.connection.pk).access_token == self.last
        is_renewed = tokens.renew(self.connection)
        self.last = self.connection.access_token
        return is_kept and is_renewed


def rotated(**changes: str) -> str:
    with running("blametrail.cli", "keys", "rotate", BLAMETRAIL_ENCRYPTION_KEYS=WRITTEN, **changes) as process:
        said = process.stdout.read()
        assert process.wait() == 0, said
    return said


def is_clean(vault: Vault) -> bool:
    return all(list(proof.verify(place, vault))[-1].is_clean(vault) for place in places.PLACES)


def everything_stored() -> bytes:
    """Return all that is in all tables, also what is written there in hex."""
    values = []
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")  # noqa: S608 -- names of tables
            values += [value for row in cursor.fetchall() for value in row]
    return b"\n".join(
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode() for value in values
    )


def test_nothing_is_lost_while_tokens_are_renewed_and_webhooks_arrive(old_rows, sandbox):
    renewing = [Renewing(connection) for connection in old_rows]

    with again_and_again(*renewing, lambda: store(1)) as (*renewed, stored):
        rotated()

    assert all(len(each) > 2 and all(each) for each in renewed)
    assert Delivery.objects.count() == STORED_BEFORE + len(stored)
    assert is_clean(Vault([NEW]))
    for each in renewing:
        token = Connection.objects.get(pk=each.connection.pk).access_token
        assert token == each.last
        client.Session(sandbox.url, token).organization(each.connection.sentry_organization_slug)


def test_a_renewal_is_never_overwritten_however_often_the_key_is_changed(old_rows):
    with again_and_again(*map(Renewing, old_rows)) as renewed:
        while min(map(len, renewed)) < RENEWALS:
            for place, vault in product(TOKENS, (ROTATING, Vault([OLD, NEW]))):
                list(rotation.rotate(place, vault))

    assert all(all(each) for each in renewed)


def test_no_secret_is_in_clear_in_any_table(old_rows, sandbox):
    rotated()

    raw = everything_stored()
    secrets = [PLANTED, sandbox.config.client_secret]
    for connection in Connection.objects.all():
        secrets += [connection.access_token, connection.refresh_token]
    assert b"acme-rockets" in raw
    assert [secret for secret in secrets if secret.encode() in raw or secret.encode().hex().encode() in raw] == []


def test_a_rotation_that_is_killed_is_finished_by_the_next(old_rows):
    with running("blametrail.cli", "keys", "rotate", BLAMETRAIL_ENCRYPTION_KEYS=WRITTEN) as process:
        pause = threading.Event()
        while rotation.to_do(BODIES, ROTATING) == STORED_BEFORE:
            assert process.poll() is None
            pause.wait(0.01)
        process.kill()
        process.wait()
    left = rotation.to_do(BODIES, ROTATING)

    assert 0 < left < STORED_BEFORE
    assert f"Webhook bodies: {left} of {left} done" in rotated()
    assert is_clean(Vault([NEW]))


def test_two_rotations_at_once_do_the_work_once(old_rows):
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(lambda _: rotated(), range(2)))

    assert all("Everything is under t2" in each for each in said)
    assert is_clean(Vault([NEW]))
