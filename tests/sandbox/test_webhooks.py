"""The webhook sender: what is sent, signed, retried, held back and spoilt."""

import hashlib
import hmac

import pytest


@pytest.fixture
def connected(receiver, acme):
    """Acme connected, its installation notice already taken in."""
    acme.connect()
    assert receiver.next().name == "installation.created"
    return acme


def test_the_signature_covers_the_exact_escaped_bytes(connected, control, receiver, sandbox):
    control.make_error("acme-rockets", "api", "KeyError: 'café' 🔥")
    control.settle()

    delivery = next(it for it in receiver.all() if it.name == "issue.created")

    assert rb"caf\u00e9' \ud83d\udd25" in delivery.body
    expected = hmac.new(sandbox.config.client_secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    assert delivery.headers["sentry-hook-signature"] == expected


def test_a_new_error_says_alert_error_and_issue(connected, control, receiver):
    control.make_error("acme-rockets", "api")
    control.settle()

    assert sorted(it.name for it in receiver.all()) == [
        "error.created",
        "event_alert.triggered",
        "issue.created",
    ]


def test_the_same_error_again_is_one_more_event(connected, control, receiver):
    control.make_error("acme-rockets", "api", times=2)
    control.settle()

    assert [it.name for it in receiver.all()].count("error.created") == 2
    assert control.state()["issues"][0]["count"] == 2


def test_an_error_on_a_resolved_issue_brings_it_back(connected, control, receiver):
    issue = control.make_error("acme-rockets", "api").issue
    control.resolve(issue)
    control.settle()
    receiver.all()

    control.make_error("acme-rockets", "api")
    control.settle()

    regression = next(it.payload for it in receiver.all() if it.name == "issue.unresolved")
    assert regression["data"]["issue"]["substatus"] == "regressed"
    assert regression["actor"] == {"type": "application", "id": "sentry", "name": "Sentry"}


def test_an_older_server_is_silent_about_reopening(connected, control, receiver):
    control.set_generation("24.2")
    issue = control.make_error("acme-rockets", "api").issue
    control.resolve(issue)
    control.settle()
    receiver.all()

    control.unresolve(issue)
    control.settle()

    assert receiver.all() == []


def test_unassigning_is_silent(connected, control, receiver):
    issue = control.make_error("acme-rockets", "api").issue
    control.settle()
    receiver.all()

    control.assign(issue, "")
    control.settle()

    assert receiver.all() == []


def test_an_organization_without_alerts_sends_none(connected, control, receiver):
    control.set_alerts("acme-rockets", alerts=False)

    control.make_error("acme-rockets", "api")
    control.settle()

    assert "event_alert.triggered" not in {it.name for it in receiver.all()}


def test_a_rule_with_our_component_carries_its_settings(connected, control, receiver):
    control.set_alerts("acme-rockets", rule="Checkout", settings=[{"name": "severity", "value": "sev2"}])

    control.make_error("acme-rockets", "api")
    control.settle()

    alert = next(it.payload["data"] for it in receiver.all() if it.name == "event_alert.triggered")
    assert alert["triggered_rule"] == "Checkout"
    assert alert["issue_alert"]["settings"] == [{"name": "severity", "value": "sev2"}]


@pytest.mark.parametrize(("level", "status"), [("critical", 20), ("warning", 10), ("resolved", 2)])
def test_a_metric_alert_tells_its_level_and_status(connected, control, receiver, level, status):
    control.alert_metric("acme-rockets", "api", level=level)

    delivery = receiver.next()

    assert delivery.name == f"metric_alert.{level}"
    assert delivery.payload["data"]["metric_alert"]["status"] == status


def test_a_current_issue_webhook_has_links_and_two_date_forms(connected, control, receiver):
    issue = control.make_error("acme-rockets", "api").issue
    control.settle()
    created = next(it.payload["data"]["issue"] for it in receiver.all() if it.name == "issue.created")
    control.archive(issue)
    ignored = receiver.next().payload["data"]["issue"]

    assert created["firstSeen"].endswith("+00:00")
    assert ignored["firstSeen"].endswith("Z")
    assert ignored["web_url"].endswith(f"/organizations/acme-rockets/issues/{issue}/")


def test_the_actor_of_an_update_by_token_is_the_receiving_app(connected, control, receiver):
    issue = control.make_error("acme-rockets", "api").issue
    control.settle()
    receiver.all()

    address = f"/api/0/organizations/acme-rockets/issues/{issue}/"
    connected.http.put(address, json={"status": "resolved"}, headers=connected.bearer)

    actor = receiver.next().payload["actor"]
    assert actor["type"] == "application"
    assert actor["id"] == control.state()["app"]["uuid"]


def test_a_pending_installation_hears_of_itself_alone(receiver, acme, control):
    acme.install()
    acme.exchange()

    control.make_error("acme-rockets", "api")
    control.settle()

    assert [it.name for it in receiver.all()] == ["installation.created"]


def test_a_published_app_is_retried_with_a_new_request_id(connected, control, receiver):
    receiver.answers = [500, 500, 500, 500, 500]

    control.alert_metric("acme-rockets", "api")
    control.settle(with_retries=True)

    deliveries = receiver.all()
    assert len(deliveries) == 4
    assert len({it.headers["request-id"] for it in deliveries}) == 4
    assert len({it.body for it in deliveries}) == 1


def test_retries_stop_at_the_first_success(connected, control, receiver):
    receiver.answers = [503]

    control.alert_metric("acme-rockets", "api")
    control.settle(with_retries=True)

    assert len(receiver.all()) == 2


@pytest.mark.parametrize("answer", [302, 400, 404, 410, 429])
def test_redirects_and_client_errors_are_final(connected, control, receiver, answer):
    receiver.answers = [answer]

    control.alert_metric("acme-rockets", "api")
    control.settle(with_retries=True)

    assert len(receiver.all()) == 1


def test_an_unpublished_app_gets_one_attempt(connected, control, receiver):
    control.set_app(app_status="unpublished")
    receiver.answers = [500]

    control.alert_metric("acme-rockets", "api")
    control.settle(with_retries=True)

    assert len(receiver.all()) == 1


def test_a_slow_answer_counts_as_none(connected, control, receiver):
    control.set_webhooks(timeout_seconds=0.05)
    receiver.answers = [None]

    control.alert_metric("acme-rockets", "api")
    control.settle(with_retries=True)

    first, second = control.webhooks()[-2:]
    assert (first.status, first.error) == (None, "ReadTimeout")
    assert (second.status, second.attempt) == (200, 2)


def test_the_patience_is_one_second(control):
    assert control.state()["webhook_settings"]["timeout_seconds"] == 1.0


def test_a_retried_install_notice_is_built_anew(receiver, acme, control):
    receiver.answers = [None]
    acme.install()
    first = receiver.next().payload["data"]["installation"]

    acme.exchange()
    acme.verify()
    receiver.released.set()

    second = receiver.next().payload["data"]["installation"]
    assert (first["status"], first["code"]) == ("pending", acme.code)
    assert (second["status"], second.get("code")) == ("installed", None)


def test_an_install_notice_is_not_retried_after_removal(receiver, acme, control):
    receiver.answers = [None]
    acme.install()
    receiver.next()

    control.uninstall(acme.uuid)
    receiver.released.set()
    control.settle(with_retries=True)

    assert [it.name for it in receiver.all()] == ["installation.deleted"]


def test_a_retry_shows_the_issue_as_it_is_by_then(connected, control, receiver):
    issue = control.make_error("acme-rockets", "api").issue
    control.settle()
    receiver.all()
    receiver.answers = [None]

    control.assign(issue)
    first = receiver.next()
    control.comment(issue, "Rolling back.")
    receiver.released.set()
    control.settle(with_retries=True)

    second = next(it for it in receiver.all() if it.name == "issue.assigned")
    assert first.payload["data"]["issue"]["numComments"] == 0
    assert second.payload["data"]["issue"]["numComments"] == 1


def test_removal_is_told_once_within_the_request(connected, control, receiver):
    receiver.answers = [500]

    control.uninstall(connected.uuid)

    assert [it.name for it in receiver.all()] == ["installation.deleted"]
    assert control.state()["installations"] == []


def test_duplicates_come_with_their_own_request_ids(connected, control, receiver):
    control.set_webhooks(duplicate=True)

    control.alert_metric("acme-rockets", "api")
    control.settle()

    first, second = receiver.all()
    assert first.body == second.body
    assert first.headers["request-id"] != second.headers["request-id"]


def test_reordering_turns_a_burst_around(connected, control, receiver):
    control.set_webhooks(reorder=True)

    control.make_error("acme-rockets", "api")
    control.settle()

    names = [it.name for it in receiver.all()]
    assert names == ["issue.created", "error.created", "event_alert.triggered"]


def test_a_wrong_signature_is_wrong(connected, control, receiver, sandbox):
    control.set_webhooks(wrong_signature=True)

    control.alert_metric("acme-rockets", "api")

    delivery = receiver.next()
    right = hmac.new(sandbox.config.client_secret.encode(), delivery.body, hashlib.sha256).hexdigest()
    assert delivery.headers["sentry-hook-signature"] != right


def test_nothing_is_sent_while_switched_off(connected, control, receiver):
    control.set_webhooks(enabled=False)

    control.make_error("acme-rockets", "api")
    control.settle()

    assert receiver.all() == []


def test_a_replay_is_the_same_body_freshly_signed(connected, control, receiver):
    control.alert_metric("acme-rockets", "api")
    first = receiver.next()
    control.settle()

    control.replay(control.webhooks()[-1].id)

    again = receiver.next()
    assert again.body == first.body
    assert again.headers["request-id"] != first.headers["request-id"]


def test_an_exact_replay_repeats_every_header(connected, control, receiver):
    control.alert_metric("acme-rockets", "api")
    first = receiver.next()
    control.settle()

    control.replay(control.webhooks()[-1].id, exact=True)

    assert receiver.next() == first


def test_the_log_tells_what_came_of_each_attempt(connected, control, receiver):
    control.alert_metric("acme-rockets", "api")
    delivery = receiver.next()
    control.settle()

    attempt = control.webhooks()[-1]

    assert (attempt.resource, attempt.action, attempt.status) == ("metric_alert", "critical", 200)
    assert attempt.request_id == delivery.headers["request-id"]
    assert attempt.url == receiver.url
    assert attempt.duration_ms > 0
