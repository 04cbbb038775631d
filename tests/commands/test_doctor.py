from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from click.testing import CliRunner
from django.conf import settings
from django.utils import timezone

from blametrail.cli import main
from blametrail.commands import checks
from blametrail.intake import deliveries
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.models import SentryApp
from blametrail.jobs import queue
from blametrail.lib.encryption import Key, Vault
from tests.intake.test_writer import arrival


@pytest.fixture(autouse=True)
def _empty_queue(db):
    queue.huey.flush()


@pytest.fixture
def app():
    app = SentryApp(key="main", base_url="http://127.0.0.1:1", slug="blametrail", client_id="1")
    app.client_secret_sealed = settings.VAULT.seal(b"s", belongs_to=f"SentryApp.client_secret_sealed:{app.pk}")
    app.save()
    return app


def test_the_doctor_says_one_line_for_each_thing_and_fails_for_a_problem(app):
    examined = CliRunner().invoke(main, ["doctor"])

    lines = examined.output.splitlines()
    assert examined.exit_code == 1
    assert all(line.split()[0] in {"ok", "warning", "problem"} for line in lines)
    assert "problem  Sentry: http://127.0.0.1:1 cannot be reached (ConnectError)." in lines
    assert "problem  Worker: none is running: nothing is processed or renewed. Run: blametrail worker" in lines


def test_a_worker_that_swept_is_alive():
    queue.huey.execute(queue.sweep.s())

    assert checks.worker().level == "ok"


def test_a_database_in_use_is_fine():
    assert checks.database().level == "ok"


def test_a_database_that_lacks_a_migration_is_told():
    with checks.connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'intake'")

    found = checks.database()
    assert (found.level, found.text) == ("problem", "is not up to date. Run: blametrail migrate")


def test_keys_that_open_everything_are_fine(app, now):
    deliveries.store([arrival()], now=now)

    assert checks.keys().level == "ok"


@pytest.mark.parametrize(
    ("key", "said"),
    [(Key("other", b"x" * 32), "named t1 is missing"), (Key("t1", b"x" * 32), "named t1 here is not the key")],
)
def test_a_key_that_is_missing_or_was_exchanged_is_told(app, settings, key, said):
    settings.VAULT = Vault([key])

    assert said in checks.keys().text


def test_what_is_still_under_an_older_key_is_told(app, settings):
    settings.VAULT = Vault([Key("t2", b"x" * 32), *settings.ENVIRONMENT.encryption_keys])

    found = checks.keys()
    assert (found.level, found.text) == ("warning", "something is still under t1. Run: blametrail keys rotate")


def test_late_and_failed_deliveries_are_told(now):
    deliveries.store([arrival(0), arrival(1)], now=timezone.now() - timedelta(hours=1))
    Delivery.objects.filter(pk=Delivery.objects.first().pk).update(status=Status.FAILED)

    assert (checks.late_deliveries().level, checks.failed_deliveries().level) == ("warning", "warning")


@pytest.mark.parametrize(
    ("differs", "level"), [(timedelta(), "ok"), (timedelta(seconds=-20), "ok"), (timedelta(minutes=5), "problem")]
)
def test_a_clock_that_differs_from_sentrys_is_told(differs, level):
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

    assert checks.clock(format_datetime(now + differs, usegmt=True), now=now).level == level


def test_a_sentry_without_a_date_leaves_the_clock_open(now):
    assert checks.clock(None, now=now).level == "warning"
