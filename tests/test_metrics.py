from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from blametrail.intake import deliveries, meters
from blametrail.intake.models import Delivery, Status
from tests.intake.test_writer import arrival
from tests.integrations.sentry.hooks import connected, sentry_app

TOKEN = "scrape-me"


@pytest.fixture
def turned_on(settings):
    changed = {"metrics_token": SecretStr(TOKEN)}
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=changed)


def scrape(token=TOKEN):
    return Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def samples():
    families = text_string_to_metric_families(scrape().content.decode())
    return [sample for family in families for sample in family.samples]


def shared():
    return {(each.name, *each.labels.values()): each.value for each in samples() if "process" not in each.labels}


def test_without_a_token_in_the_settings_there_is_no_such_page(db):
    assert not settings.ENVIRONMENT.metrics_token.get_secret_value()
    assert scrape("").status_code == 404
    assert Client().get("/metrics").status_code == 404


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + " ", "caf\u00e9"])
def test_a_wrong_token_learns_nothing(db, turned_on, token):
    answer = scrape(token)

    assert (answer.status_code, answer.content) == (401, b"Unauthorized\n")


def test_what_all_processes_share_is_told_by_any(turned_on, acme):
    connected(acme, sentry_app())
    now = timezone.now()
    deliveries.store([arrival(), arrival()], now=now - timedelta(seconds=90))
    deliveries.store([arrival()], now=now - timedelta(hours=1))
    Delivery.objects.filter(received_at__lt=now - timedelta(minutes=30)).update(status=Status.FAILED)

    told = shared()
    assert told["blametrail_deliveries_pending",] == 2
    assert 90 <= told["blametrail_deliveries_oldest_pending_seconds",] < 120
    assert told["blametrail_deliveries_recent", "pending"] == 2
    assert told["blametrail_deliveries_recent", "failed"] == 0
    assert told["blametrail_connections", "connected"] == 1
    assert told["blametrail_database_up",] == 1


def test_what_a_process_counts_bears_its_name(db, turned_on):
    meters.REQUESTS.labels("sentry", 401, "not_authentic").inc()

    [counted] = [
        each
        for each in samples()
        if each.name == "blametrail_hook_requests_total"
        and (each.labels["source"], each.labels["status"], each.labels["reason"])
        == ("sentry", "401", "not_authentic")
    ]
    assert counted.value >= 1
    assert counted.labels["process"].isdigit()


@pytest.mark.django_db(transaction=True)
def test_without_the_database_the_rest_is_still_told(turned_on):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE intake_delivery RENAME TO gone")
        try:
            told = shared()
        finally:
            cursor.execute("ALTER TABLE gone RENAME TO intake_delivery")

    assert told["blametrail_database_up",] == 0
    assert ("blametrail_spool_bytes",) in told
    assert ("blametrail_deliveries_pending",) not in told
