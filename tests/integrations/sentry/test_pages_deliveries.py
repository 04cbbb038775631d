"""The delivery log: what came, what became of it, and trying it again."""

from pathlib import Path

import pytest
from django.utils import timezone

from blametrail.incidents.models import Incident
from blametrail.intake import deliveries
from blametrail.intake.deliveries import Arrival
from blametrail.intake.models import Delivery, Status
from blametrail.integrations.sentry.models import Connection
from blametrail.organizations.models import AuditEntry
from tests.integrations.sentry.browsing import page, queries_of, text_of

pytestmark = pytest.mark.django_db

RECORDED = Path(__file__).parents[2] / "recordings" / "webhooks"


@pytest.fixture
def connection(acme) -> Connection:
    return Connection.objects.create(
        organization=acme, base_url="https://sentry.example", sentry_organization_name="Acme Rockets"
    )


@pytest.fixture
def arrived(connection):
    """Store a webhook as if it had been processed with this result."""

    def arrived(body: bytes = b'{"action": "created"}', resource: str = "issue", **result) -> Delivery:
        headers = {"request-id": "2f0e", "sentry-hook-resource": resource}
        arrival = Arrival(source="sentry", endpoint="blametrail", resource=resource, headers=headers, body=body)
        (delivery,) = deliveries.store([arrival], now=timezone.now())
        owned = {"organization_id": connection.organization_id, "connection_id": connection.pk}
        Delivery.objects.filter(pk=delivery.pk).update(**{**owned, "status": Status.PROCESSED, **result})
        delivery.refresh_from_db()
        return delivery

    return arrived


def test_an_empty_log_says_when_something_comes(as_bob, connection):
    assert "No webhook yet" in text_of(as_bob.get(page("deliveries")))


def test_without_a_connection_the_log_leads_to_connecting(as_bob, acme):
    response = as_bob.get(page("deliveries"))

    assert "Nothing is connected" in text_of(response)


def test_a_delivery_is_listed_with_its_outcome_in_words(as_bob, arrived):
    explanation = "Signature valid.\nThe project is not mapped."
    arrived(status=Status.IGNORED, outcome="not_mapped", action="created", project="api", explanation=explanation)

    said = text_of(as_bob.get(page("deliveries")))

    assert "Ignored issue.created api · Acme Rockets The project is not mapped." in said


FILTERS = [
    {"status": "failed"},
    {"resource": "comment"},
    {"text": "not_map"},
    {"text": "SEARCH"},
    {"text": "issue:42"},
]


@pytest.mark.parametrize("chosen", FILTERS, ids=str)
def test_the_log_is_filtered(as_bob, arrived, chosen):
    wanted = arrived(
        resource="comment", status=Status.FAILED, outcome="not_mapped", project="search", subject="issue:42"
    )
    arrived(project="api", outcome="opened")

    found = as_bob.get(page("deliveries"), chosen).context["rows"]

    assert [delivery.pk for delivery, _connection in found] == [wanted.pk]


def test_the_log_is_filtered_by_connection(as_bob, arrived, acme):
    other = Connection.objects.create(organization=acme, base_url="https://sentry.example")
    wanted = arrived(connection_id=other.pk)
    arrived()

    found = as_bob.get(page("deliveries"), {"connection": str(other.pk)}).context["rows"]

    assert [delivery.pk for delivery, _connection in found] == [wanted.pk]


def test_filters_that_make_no_sense_show_everything(as_bob, arrived):
    arrived()

    assert len(as_bob.get(page("deliveries"), {"status": "nonsense", "before": "x"}).context["rows"]) == 1


def test_nothing_found_says_so(as_bob, arrived):
    arrived()

    assert "Nothing matches" in text_of(as_bob.get(page("deliveries"), {"text": "no such thing"}))


def test_the_log_goes_on_page_by_page_and_keeps_its_filters(as_bob, arrived):
    kept = [arrived(status=Status.IGNORED) for _ in range(60)]

    newest = as_bob.get(page("deliveries"), {"status": "ignored"})
    older = as_bob.get(page("deliveries") + newest.context["older"])
    back = as_bob.get(page("deliveries") + older.context["newer"])

    assert "status=ignored" in newest.context["older"]
    assert [delivery.pk for delivery, _ in older.context["rows"]] == [it.pk for it in reversed(kept[:10])]
    assert [delivery.pk for delivery, _ in back.context["rows"]] == [it.pk for it in reversed(kept[10:])]


def test_the_log_asks_as_much_of_the_database_for_many_as_for_one(as_alice, arrived):
    arrived()
    for_one = queries_of(as_alice, page("deliveries"))

    for _ in range(10):
        arrived()

    assert queries_of(as_alice, page("deliveries")) == for_one <= 8


def test_what_belongs_to_nobody_or_to_others_is_not_shown(as_mallory, as_bob, arrived, malice_inc):
    nobodys = arrived(organization_id=None)
    acmes = arrived()

    assert not as_mallory.get(page("deliveries", organization="malice-inc")).context["rows"]
    assert as_mallory.get(page("delivery", acmes.pk, organization="malice-inc")).status_code == 404
    assert as_bob.get(page("delivery", nobodys.pk)).status_code == 404


# --- one delivery -----------------------------------------------------------------------------------------------


def test_a_delivery_tells_all_that_is_known(as_bob, arrived, acme, checkout, now):
    incident = Incident.objects.create(
        organization=acme, number=7, service=checkout, title="KeyError", started_at=now, status_as_of=now
    )
    delivery = arrived(explanation="Signature valid.\nOpened incident 7.", incident_id=incident.pk)

    response = as_bob.get(page("delivery", delivery.pk))

    said = text_of(response)
    for words in ("Signature valid.", "Opened incident 7.", "Incident 7: KeyError", "sentry-hook-resource", "2f0e"):
        assert words in said
    assert '"action": "created"' in said
    assert f'href="{page("incident", 7)}"' in response.content.decode()


def test_a_failure_is_told_with_its_error_and_attempts(as_bob, arrived):
    delivery = arrived(status=Status.FAILED, error="OperationalError: database is locked", attempts=8)

    said = text_of(as_bob.get(page("delivery", delivery.pk)))

    assert "BlameTrail gave up after 8 attempts. OperationalError: database is locked" in said


def test_the_grant_code_of_an_installation_is_not_shown(as_alice, arrived):
    body = (RECORDED / "0001_installation_created.body").read_bytes()
    delivery = arrived(body, resource="installation")

    said = as_alice.get(page("delivery", delivery.pk)).content.decode()

    assert "••••••••" in said
    assert b'"code"' in body
    assert body.decode().partition('"code"')[2].split('"')[1] not in said


def test_a_body_whose_key_is_gone_is_explained(as_bob, arrived):
    delivery = arrived()
    Delivery.objects.update(id="01930000-0000-7000-8000-000000000000")

    response = as_bob.get(page("delivery", Delivery.objects.get().pk))

    assert delivery.body
    assert "The body cannot be read" in text_of(response)


# --- again ------------------------------------------------------------------------------------------------------


def test_one_delivery_is_replayed(as_alice, arrived):
    delivery = arrived(status=Status.FAILED, attempts=8, error="x")

    response = as_alice.post(page("delivery_replay", delivery.pk), follow=True)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == (Status.PENDING, 0)
    assert "This webhook is processed again" in text_of(response)
    assert AuditEntry.objects.filter(verb="delivery.replayed").count() == 1


def test_all_that_failed_is_replayed_after_a_question(as_alice, arrived):
    failed = [arrived(status=Status.FAILED), arrived(status=Status.FAILED)]
    fine = arrived()

    asked = text_of(as_alice.get(page("deliveries_replay_failed")))
    response = as_alice.post(page("deliveries_replay_failed"), follow=True)

    assert "2 webhooks that could not be processed are tried again" in asked
    assert "Replaying 2 webhooks." in text_of(response)
    assert Delivery.objects.filter(pk__in=[it.pk for it in failed], status=Status.PENDING).count() == 2
    fine.refresh_from_db()
    assert fine.status == Status.PROCESSED


def test_what_failed_elsewhere_is_left_alone(as_mallory, arrived, malice_inc):
    delivery = arrived(status=Status.FAILED)

    as_mallory.post(page("deliveries_replay_failed", organization="malice-inc"))

    delivery.refresh_from_db()
    assert delivery.status == Status.FAILED


def test_members_replay_nothing(as_bob, arrived):
    delivery = arrived(status=Status.FAILED)

    assert as_bob.post(page("delivery_replay", delivery.pk)).status_code == 403
    assert as_bob.post(page("deliveries_replay_failed")).status_code == 403
    assert "Replay" not in text_of(as_bob.get(page("delivery", delivery.pk)))
