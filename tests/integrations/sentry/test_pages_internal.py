"""Connecting by a token made in Sentry, and replacing it."""

import pytest
from django.utils import timezone

from blametrail.integrations.sentry import disconnecting
from blametrail.integrations.sentry.models import Connection, DisconnectReason, Mode, SentryApp, State
from tests.integrations.sentry.browsing import page, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def pasted(connect) -> dict[str, str]:
    """What an admin copies from Sentry; the sandbox takes any token of its own, whoever it was issued to."""
    token = connect().access_token
    return {"organization_slug": "acme-rockets", "token": token, "client_secret": "made-in-sentry"}


@pytest.fixture
def connection(as_alice, pasted) -> Connection:
    as_alice.post(page("sentry_internal"), pasted)
    return Connection.objects.get(mode=Mode.INTERNAL)


def test_the_page_says_what_to_enter_in_sentry(app, as_alice, acme, sandbox):
    said = text_of(as_alice.get(page("sentry_internal")))

    assert "Developer Settings" in said
    assert "Issue & Event Read & Write" in said
    assert sandbox.url in said


def test_without_an_app_the_address_in_the_settings_is_used(as_alice, acme):
    assert "https://sentry.io" in text_of(as_alice.get(page("sentry_internal")))


def test_several_hosts_can_be_chosen_from_and_no_other(app, as_alice, acme, pasted):
    SentryApp.objects.create(key="own", base_url="https://sentry.own.example", slug="bt", client_secret_sealed=b"x")

    response = as_alice.post(page("sentry_internal"), pasted | {"base_url": "https://evil.example"})

    assert "is not one of the available choices" in text_of(response)


def test_a_working_token_connects_and_the_webhook_address_is_given(as_alice, pasted):
    response = as_alice.post(page("sentry_internal"), pasted, follow=True)

    connection = Connection.objects.get(mode=Mode.INTERNAL)
    said = text_of(response)
    assert "Connected to Acme Rockets" in said
    assert f"http://testserver/hooks/sentry/{connection.pk}" in said
    assert "does not expire" in said


def test_a_wrong_token_is_told_on_the_form_and_not_shown_again(as_alice, pasted):
    response = as_alice.post(page("sentry_internal"), pasted | {"token": "mistyped-token"})

    assert response.status_code == 200
    assert "Sentry does not accept this token." in text_of(response)
    assert "mistyped-token" not in response.content.decode()
    assert not Connection.objects.filter(mode=Mode.INTERNAL).exists()


def test_an_unknown_organization_is_told_on_the_form(as_alice, pasted):
    response = as_alice.post(page("sentry_internal"), pasted | {"organization_slug": "nobody"})

    assert "Sentry knows no organization with this slug" in text_of(response)


def test_a_silent_sentry_is_told_on_the_form(as_alice, pasted, sandbox):
    sandbox.control.add_fault("api", "drop", times=None)

    assert "Try again in a moment" in text_of(as_alice.post(page("sentry_internal"), pasted))


def test_the_same_organization_is_not_connected_twice(as_alice, connection, pasted):
    response = as_alice.post(page("sentry_internal"), pasted)

    assert "is connected by an internal integration already" in text_of(response)


def test_a_rejected_token_is_replaced_on_the_same_row(as_alice, connection, pasted):
    disconnecting.give_up(connection, DisconnectReason.TOKEN_REJECTED, "", now=timezone.now())

    banner = text_of(as_alice.get(page("services")))
    response = as_alice.post(page("sentry_token", connection.pk), {"token": pasted["token"]}, follow=True)

    connection.refresh_from_db()
    assert "Replace token" in banner
    assert "The token was replaced; Acme Rockets is connected." in text_of(response)
    assert connection.state == State.CONNECTED


def test_after_disconnecting_the_erased_secret_is_asked_for_too(as_alice, connection, pasted):
    as_alice.post(page("sentry_disconnect", connection.pk))

    response = as_alice.post(page("sentry_token", connection.pk), {"token": pasted["token"]})

    assert "It was erased when the connection was disconnected here." in text_of(response)
    connection.refresh_from_db()
    assert connection.state == State.DISCONNECTED


def test_a_token_that_does_not_work_replaces_nothing(as_alice, connection):
    before = connection.access_token

    response = as_alice.post(page("sentry_token", connection.pk), {"token": "wrong"})

    connection.refresh_from_db()
    assert "Sentry does not accept this token." in text_of(response)
    assert connection.access_token == before


def test_an_oauth_connection_has_no_token_to_paste(as_alice, connect):
    connection = connect()

    assert as_alice.get(page("sentry_token", connection.pk)).url == page("sentry_connection", connection.pk)


def test_reconnecting_an_internal_integration_means_another_token(as_alice, connection):
    response = as_alice.post(page("sentry_reconnect", connection.pk))

    assert response.url == page("sentry_token", connection.pk)


def test_members_cannot_replace_a_token(as_bob, connection):
    assert as_bob.post(page("sentry_token", connection.pk), {"token": "x"}).status_code == 403
