"""The Sentry page, a connection's own page, and what an admin can do there."""

from datetime import timedelta

import pytest
from django.utils import timezone

from blametrail.integrations.sentry import disconnecting, ledger
from blametrail.integrations.sentry.models import (
    Connection,
    DisconnectReason,
    LedgerEntry,
    LedgerKind,
    ProjectMapping,
    State,
)
from tests.integrations.sentry.browsing import address_at_sentry, page, queries_of, text_of

pytestmark = pytest.mark.django_db


def lose(connection: Connection, reason: DisconnectReason = DisconnectReason.REFUSED) -> None:
    disconnecting.give_up(connection, reason, "Sentry answered 401.", now=timezone.now())


def change(connection: Connection, **fields) -> None:
    Connection.objects.filter(pk=connection.pk).update(**fields)


# --- the list of integrations -----------------------------------------------------------------------------------


def test_the_integrations_page_offers_to_connect(app, as_alice, acme):
    response = as_alice.get(page("integrations"))

    assert "Not connected" in text_of(response)
    assert "Connect via OAuth" in text_of(response)
    assert f'action="{page("sentry_connect")}"' in response.content.decode()


def test_the_integrations_page_counts_what_is_connected_and_what_needs_attention(as_alice, connect):
    connect("acme-rockets")
    lose(connect("globex"))

    said = text_of(as_alice.get(page("integrations")))

    assert "1 connected" in said
    assert "1 needs attention" in said


# --- the Sentry page --------------------------------------------------------------------------------------------


def test_an_unconnected_organization_reads_how_to_connect(app, as_alice, acme):
    said = text_of(as_alice.get(page("sentry")))

    for words in (
        "Prerequisites",
        "Step 1: Connect via OAuth",
        "Step 2: Set up project mappings",
        "Use an internal integration",
        "Manual, does not expire",
        "Automatic refresh",
        "Troubleshooting",
    ):
        assert words in said


def test_without_an_app_the_page_says_who_can_help_and_what_works(as_alice, acme):
    said = text_of(as_alice.get(page("sentry")))

    assert "BlameTrail is not registered with Sentry yet" in said
    assert "Connect via OAuth" not in said.replace("Step 1: Connect via OAuth", "")


def test_a_connection_is_shown_with_who_connected_it_and_how_it_stands(as_alice, connect):
    connect()

    said = text_of(as_alice.get(page("sentry")))

    for words in ("Acme Rockets", "acme-rockets", "Connected", "by Alice", "Next renewal", "Projects mapped 0"):
        assert words in said


def test_the_next_step_is_gone_once_a_project_is_mapped(as_alice, connect, checkout):
    ProjectMapping.objects.create(connection=connect(), project_slug="api", service=checkout)

    said = text_of(as_alice.get(page("sentry")))

    assert "Next: map projects" not in said
    assert "Projects mapped 1" in said


def test_trouble_renewing_is_told_with_attempt_error_and_next_try(as_alice, connect):
    next_try = timezone.now() + timedelta(minutes=10)
    change(connect(), failures=3, last_error="Sentry did not answer in time.", renew_at=next_try)

    said = text_of(as_alice.get(page("sentry")))

    assert "Attempt 3 to renew the token failed: Sentry did not answer in time." in said
    assert "Next try: in 10 min" in said


def test_a_lost_connection_says_why_and_has_one_button_to_mend_it(as_alice, connect):
    connection = connect()
    lose(connection)

    response = as_alice.get(page("sentry"))

    assert "Sentry kept refusing to renew the token. Sentry answered 401." in text_of(response)
    assert response.content.decode().count(page("sentry_reconnect", connection.pk)) == 1


def test_what_needs_somebody_stands_first(as_alice, connect):
    connect("acme-rockets")
    lose(connect("globex"))

    said = text_of(as_alice.get(page("sentry")))

    assert said.index("Globex Corporation") < said.index("Acme Rockets")


def test_a_member_reads_everything_and_is_told_who_may_change_it(as_bob, connect):
    connection = connect()
    lose(connection)

    response = as_bob.get(page("sentry"))

    assert "You can look, but not change anything here. Alice, Ada can." in text_of(response)
    assert "Alice or Ada can do that." in text_of(response)
    assert "<button" not in response.content.decode().partition('id="connections"')[2].partition("</article>")[0]


def test_the_list_is_asked_for_again_only_as_far_as_it_changed(as_alice, connect):
    connection = connect()
    part = as_alice.get(page("sentry")).context["live"].url

    nothing_new = as_alice.get(part)
    lose(connection)
    changed = as_alice.get(part)

    assert nothing_new.status_code == 204
    assert "Disconnected" in text_of(changed)
    assert "<html" not in changed.content.decode()


def test_the_page_asks_as_much_of_the_database_for_many_connections_as_for_one(as_alice, connect):
    connect("acme-rockets")
    for_one = queries_of(as_alice, page("sentry"))

    connect("globex")
    connect("initech")

    assert queries_of(as_alice, page("sentry")) == for_one <= 8


# --- on every page of the organization --------------------------------------------------------------------------


def test_a_lost_connection_is_told_on_every_page_with_the_button_that_mends_it(as_alice, connect, sandbox):
    connection = connect()
    lose(connection, DisconnectReason.REMOVED)

    response = as_alice.get(page("services"))
    leaving = as_alice.post(page("sentry_reconnect", connection.pk))

    assert "Disconnected from Acme Rockets in Sentry." in text_of(response)
    assert f'action="{page("sentry_reconnect", connection.pk)}"' in response.content.decode()
    assert address_at_sentry(leaving).startswith(sandbox.url)


def test_one_that_sentry_refused_for_a_while_is_mended_by_the_button_alone(as_alice, connect):
    connection = connect()
    lose(connection, DisconnectReason.REFUSED)

    response = as_alice.post(page("sentry_reconnect", connection.pk), follow=True)

    assert "Connected to Acme Rockets" in text_of(response)


def test_several_lost_connections_are_told_in_one_line(as_alice, connect):
    lose(connect("acme-rockets"))
    lose(connect("globex"))

    response = as_alice.get(page("services"))

    assert text_of(response).count("Disconnected from Sentry: Acme Rockets, Globex Corporation.") == 1


def test_one_that_a_person_disconnected_is_no_alarm(as_alice, connect):
    lose(connect(), DisconnectReason.BY_PERSON)

    assert "Disconnected from" not in text_of(as_alice.get(page("services")))


def test_members_are_not_alarmed_about_what_they_cannot_mend(as_bob, connect):
    lose(connect())

    assert "Disconnected from" not in text_of(as_bob.get(page("services")))


# --- one connection ---------------------------------------------------------------------------------------------


def test_the_ledger_tells_what_happened(as_bob, connect):
    said = text_of(as_bob.get(page("sentry_connection", connect().pk)))

    for words in ("Connected", "Alice", "Installation verified", "Proved alive", "Renewal due", "project:read"):
        assert words in said


def test_the_ledger_can_be_filtered(as_alice, connect):
    connection = connect()

    said = text_of(as_alice.get(page("sentry_connection", connection.pk), {"kind": "verified"}))

    assert "it sends webhooks from now on" in said
    assert "Sentry answered for" not in said


def test_the_ledger_goes_on_page_by_page(as_alice, connect, now):
    connection = connect()
    for number in range(60):
        ledger.record(connection, LedgerKind.SENTRY_CHANGED, f"Change {number:02}.", at=now)

    newest = as_alice.get(page("sentry_connection", connection.pk))
    older = as_alice.get(page("sentry_connection", connection.pk) + newest.context["older"])
    back = as_alice.get(page("sentry_connection", connection.pk) + older.context["newer"])

    assert "Change 59." in text_of(newest)
    assert "Change 09." not in text_of(newest)
    assert "Change 09." in text_of(older)
    assert "older" not in older.context
    assert "Change 59." in text_of(back)


def test_a_broken_place_in_the_ledger_is_its_beginning(as_alice, connect):
    assert as_alice.get(page("sentry_connection", connect().pk), {"before": "x"}).status_code == 200


def test_testing_the_connection_makes_a_real_call(as_alice, connect):
    connection = connect()

    response = as_alice.post(page("sentry_test", connection.pk), {"from": "list"}, follow=True)

    assert response.redirect_chain == [(page("sentry"), 302)]
    assert "Sentry answered for Acme Rockets (acme-rockets)." in text_of(response)
    assert connection.ledger.filter(kind=LedgerKind.PROVED, actor_name="Alice").count() == 1


def test_a_test_that_fails_says_why(as_alice, connect, sandbox):
    connection = connect()
    sandbox.control.add_fault("api", "status:500", times=None)

    response = as_alice.post(page("sentry_test", connection.pk), follow=True)

    assert "Sentry answered 500" in text_of(response)


def test_one_still_connecting_can_be_tried_now(as_alice, connect, sandbox):
    sandbox.control.add_fault("api", "status:500", times=None)
    connection = connect()
    sandbox.control.clear_faults()

    response = as_alice.post(page("sentry_test", connection.pk), {"from": "list"}, follow=True)

    assert connection.state == State.CONNECTING
    assert "Acme Rockets answered." in text_of(response)


def test_renewing_now_stores_a_new_token(as_alice, connect):
    connection = connect()
    before = connection.access_token

    response = as_alice.post(page("sentry_renew", connection.pk), follow=True)

    connection.refresh_from_db()
    assert "The token was renewed." in text_of(response)
    assert connection.access_token != before


def test_a_renewal_that_fails_says_why(as_alice, connect, sandbox):
    connection = connect()
    sandbox.control.add_fault("token", "status:500", times=None)

    response = as_alice.post(page("sentry_renew", connection.pk), follow=True)

    assert "The token was not renewed: Sentry answered 500" in text_of(response)


def test_a_disconnected_one_has_no_token_to_renew(as_alice, connect):
    connection = connect()
    lose(connection)

    assert "There is no token to renew" in text_of(as_alice.post(page("sentry_renew", connection.pk), follow=True))


def test_disconnecting_says_what_it_does_before_it_does_it(as_alice, connect):
    connection = connect()

    said = text_of(as_alice.get(page("sentry_disconnect", connection.pk)))

    assert "Disconnect Acme Rockets?" in said
    assert "Project mappings, incidents and the history stay" in said
    connection.refresh_from_db()
    assert connection.is_connected


def test_disconnecting_says_what_is_left_to_do_in_sentry(as_alice, connect):
    connection = connect()

    response = as_alice.post(page("sentry_disconnect", connection.pk), follow=True)

    connection.refresh_from_db()
    assert connection.state == State.DISCONNECTED
    assert "uninstall it there too" in text_of(response)


def test_disconnecting_says_when_sentry_uninstalled_it_as_well(as_alice, connect, sandbox):
    sandbox.control.set_app(scopes=["org:read", "org:integrations", "project:read"])

    response = as_alice.post(page("sentry_disconnect", connect().pk), follow=True)

    assert "Disconnected from Acme Rockets, and uninstalled in Sentry." in text_of(response)
    assert not sandbox.control.state()["installations"]


def test_a_disconnected_one_is_removed_from_the_list_after_a_question(as_alice, connect):
    connection = connect()
    lose(connection, DisconnectReason.REMOVED)

    asked = text_of(as_alice.get(page("sentry_remove", connection.pk)))
    response = as_alice.post(page("sentry_remove", connection.pk), follow=True)

    assert "brings all of it back" in asked
    assert "Acme Rockets was removed from the list." in text_of(response)
    assert page("sentry_connection", connection.pk) not in response.content.decode()


def test_one_that_is_connected_is_not_removed(as_alice, connect):
    connection = connect()

    response = as_alice.post(page("sentry_remove", connection.pk), follow=True)

    assert "Disconnect it first" in text_of(response)
    connection.refresh_from_db()
    assert connection.archived_at is None


POSTED = [
    "sentry_reconnect",
    "sentry_test",
    "sentry_renew",
    "sentry_confirm",
    "sentry_decline",
    "sentry_disconnect",
    "sentry_remove",
]


@pytest.mark.parametrize("name", POSTED)
def test_members_change_nothing(as_bob, connect, name):
    connection = connect()
    written = LedgerEntry.objects.count()

    response = as_bob.post(page(name, connection.pk))

    assert response.status_code == 403
    assert LedgerEntry.objects.count() == written


@pytest.mark.parametrize("name", POSTED[:-2])
def test_nothing_is_changed_by_following_a_link(as_alice, connect, name):
    assert as_alice.get(page(name, connect().pk)).status_code == 405


def test_no_page_shows_a_token(as_alice, connect):
    connection = connect()
    secrets = (connection.access_token, connection.refresh_token)

    said = as_alice.get(page("sentry")).content + as_alice.get(page("sentry_connection", connection.pk)).content

    assert not any(secret.encode() in said for secret in secrets)
