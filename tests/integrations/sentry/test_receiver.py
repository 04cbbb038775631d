import asyncio
import threading
import time

import pytest
from django.conf import settings
from django.db import OperationalError

from blametrail.intake.receivers import Accepted, Refused
from blametrail.integrations.sentry import receiver as receiving
from blametrail.integrations.sentry import remembered
from blametrail.integrations.sentry.models import Connection, Mode, SentryApp, seal
from blametrail.integrations.sentry.receiver import SentryReceiver
from tests.integrations.sentry.hooks import INSTALLATION, SECRET, sentry_app, sign

# The receiver looks secrets up in threads of its own, which only see what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

BODY = b'{"action":"created"}'


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receiver(clock) -> SentryReceiver:
    return SentryReceiver(clock=clock)


@pytest.fixture
def app(db) -> SentryApp:
    return sentry_app(key="main")


def signed(body: bytes = BODY, secret: str = SECRET) -> dict[str, str]:
    return {"sentry-hook-signature": sign(body, secret), "sentry-hook-resource": "issue"}


def verify(receiver: SentryReceiver, headers: dict[str, str], *, body: bytes = BODY, endpoint: str = "main"):
    return asyncio.run(receiver.verify(endpoint, headers, body))


def test_what_the_apps_secret_signed_is_accepted(receiver, app):
    assert verify(receiver, signed()) == Accepted("issue")


def test_what_says_of_itself_nothing_is_about_something_unknown(receiver, app):
    assert verify(receiver, {"sentry-hook-signature": sign(BODY)}) == Accepted("unknown")


@pytest.mark.parametrize("headers", [{}, {"sentry-hook-signature": ""}])
def test_what_is_not_signed_is_refused(receiver, app, headers):
    assert verify(receiver, headers) == Refused(401, "The request is not signed.")


@pytest.mark.parametrize(("headers", "body"), [(signed(secret="wrong"), BODY), (signed(), BODY + b" ")])
def test_what_is_signed_wrongly_is_refused(receiver, app, headers, body):
    verdict = verify(receiver, headers, body=body)

    assert isinstance(verdict, Refused)
    assert verdict.status == 401


@pytest.mark.parametrize("endpoint", ["nobody", "42a0e9bb-abad-4e49-999b-0450bbca309a"])
def test_an_address_that_belongs_to_no_one_is_unknown(receiver, app, endpoint):
    assert verify(receiver, signed(), endpoint=endpoint) == Refused(404, "There is no such webhook address here.")


def test_the_secret_before_the_last_change_is_still_accepted(receiver, app):
    app.previous_client_secret_sealed = seal(app, "previous_client_secret_sealed", "the one before")
    app.save()

    assert verify(receiver, signed(secret="the one before")) == Accepted("issue")
    assert verify(receiver, signed()) == Accepted("issue")


def _internal(acme, mode: Mode = Mode.INTERNAL) -> Connection:
    connection = Connection(organization=acme, mode=mode, base_url="https://sentry.io")
    connection.client_secret_sealed = seal(connection, "client_secret_sealed", "internal secret")
    connection.save()
    return connection


def test_an_internal_integration_signs_with_a_secret_of_its_own(receiver, acme):
    endpoint = str(_internal(acme).pk)

    assert verify(receiver, signed(secret="internal secret"), endpoint=endpoint) == Accepted("issue")
    assert verify(receiver, signed(), endpoint=endpoint).status == 401


def test_a_connection_through_an_app_has_no_address_of_its_own(receiver, acme):
    connection = _internal(acme, mode=Mode.OAUTH)

    assert verify(receiver, signed(secret="internal secret"), endpoint=str(connection.pk)).status == 404


def test_an_erased_secret_accepts_nothing(receiver, acme):
    connection = _internal(acme)
    Connection.objects.update(client_secret_sealed=None)

    assert verify(receiver, signed(secret=""), endpoint=str(connection.pk)).status == 404


def test_secrets_are_believed_for_ten_seconds(receiver, app, clock):
    verify(receiver, signed())
    SentryApp.objects.all().delete()

    clock.now += 9.9
    assert verify(receiver, signed()) == Accepted("issue")
    clock.now += 0.2
    assert verify(receiver, signed()).status == 404


def test_a_changed_secret_is_accepted_at_once_though_the_old_one_was_believed(receiver, app, clock):
    verify(receiver, signed())
    SentryApp.objects.update(client_secret_sealed=seal(app, "client_secret_sealed", "changed"))

    clock.now += receiving.FRESH_FOR
    assert verify(receiver, signed(secret="changed")) == Accepted("issue")


def test_an_unknown_address_is_known_as_soon_as_it_is_made(receiver, db):
    assert verify(receiver, signed()).status == 404

    sentry_app(key="main")

    assert verify(receiver, signed()) == Accepted("issue")


def test_a_burst_looks_into_the_database_once(app, clock):
    looked = []
    receiver = SentryReceiver(clock=clock, look_up=lambda endpoint: looked.append(endpoint) or (SECRET,))

    async def burst() -> list[Accepted | Refused]:
        return await asyncio.gather(*[receiver.verify("main", signed(), BODY) for _ in range(50)])

    assert asyncio.run(burst()) == [Accepted("issue")] * 50
    assert looked == ["main"]


def test_the_addresses_remembered_are_bounded(clock):
    looked = []
    receiver = SentryReceiver(clock=clock, look_up=lambda endpoint: looked.append(endpoint) or (SECRET,), remembers=2)

    verdicts = [verify(receiver, signed(), endpoint=key) for key in ("one", "two", "three", "three", "one")]

    assert verdicts == [Accepted("issue")] * 5
    assert looked == ["one", "two", "three", "one"]


def test_a_database_that_fails_is_not_an_unknown_address(clock):
    def look_up(endpoint):
        raise OSError("the database is away")

    with pytest.raises(OSError, match="away"):
        verify(SentryReceiver(clock=clock, look_up=look_up), signed())


class Database:
    """Stands for the look-up of secrets, which can fail or hang."""

    def __init__(self) -> None:
        self.secrets = (SECRET,)
        self.trouble: Exception | None = None
        self.asked = 0
        self.hangs_until = threading.Event()
        self.hangs_until.set()

    def __call__(self, _endpoint: str) -> tuple[str, ...]:
        self.asked += 1
        self.hangs_until.wait(30)
        if self.trouble:
            raise self.trouble
        return self.secrets


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def asking(clock, database) -> SentryReceiver:
    return SentryReceiver(clock=clock, look_up=database)


def test_while_the_database_is_away_the_secrets_last_read_are_believed(asking, database, clock):
    verify(asking, signed())
    database.trouble = OperationalError("the server is gone")

    clock.now += 3_600
    assert verify(asking, signed()) == Accepted("issue")
    clock.now += 1
    assert verify(asking, signed()) == Accepted("issue")
    assert database.asked == 2


def test_a_database_that_hangs_is_not_waited_for(asking, database, clock):
    async def run():
        assert await asking.verify("main", signed(), BODY) == Accepted("issue")
        clock.now += 60
        database.hangs_until.clear()
        began_at = time.monotonic()
        verdict = await asking.verify("main", signed(), BODY)
        took = time.monotonic() - began_at
        database.hangs_until.set()
        return verdict, took

    verdict, took = asyncio.run(run())
    assert verdict == Accepted("issue")
    assert took < 5


def test_while_the_database_is_away_a_wrong_signature_is_not_refused_for_good(asking, database, clock):
    verify(asking, signed())
    database.trouble = OperationalError("the server is gone")

    clock.now += 60
    with pytest.raises(OperationalError):  # the door answers 503, and Sentry may send it again
        verify(asking, signed(secret="perhaps the new one"))


def test_a_new_process_without_a_database_knows_what_was_read_before(receiver, app, database, clock):
    verify(receiver, signed())
    database.trouble = OperationalError("the server is gone")
    started_anew = SentryReceiver(clock=clock, look_up=database)

    assert verify(started_anew, signed()) == Accepted("issue")
    with pytest.raises(OperationalError):
        verify(started_anew, signed(secret="wrong"))


def test_what_is_remembered_is_sealed_and_forgotten_with_the_app(receiver, app, clock):
    verify(receiver, signed())
    path = settings.ENVIRONMENT.data_dir / remembered.FOLDER / "main"

    assert SECRET.encode() not in path.read_bytes()
    assert remembered.recall("main") == (SECRET,)
    SentryApp.objects.all().delete()
    clock.now += 60
    verify(receiver, signed())
    assert remembered.recall("main") == ()


@pytest.mark.parametrize(
    ("body", "sender"),
    [
        (f'{{"installation":{{"uuid":"{INSTALLATION}"}},"data":{{"issue":[1,{{}}]}}}}', str(INSTALLATION)),
        ('{"installation":{"uuid":"no uuid"}}', ""),
        ('{"installation":null}', ""),
        ("[]", ""),
        ("{not json", ""),
        ("", ""),
        ('{"installation":{"uuid":"\ud800"}}', ""),
    ],
)
def test_who_sent_it_is_told_where_it_can_be_read_at_once(receiver, app, body, sender):
    raw = body.encode("utf-8", "surrogatepass")

    assert verify(receiver, signed(raw), body=raw) == Accepted("issue", sender=sender)
