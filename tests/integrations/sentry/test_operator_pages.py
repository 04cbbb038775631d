"""What an operator sees of Sentry, and what nobody sees."""

import pytest
from django.urls import reverse

from blametrail.accounts.models import User
from blametrail.integrations.sentry.models import Connection, SentryApp, unseal
from tests.integrations.sentry import hooks

pytestmark = pytest.mark.django_db

LISTS = ["sentry_sentryapp", "sentry_connection", "sentry_projectmapping", "intake_delivery"]


@pytest.fixture
def as_operator(as_alice, alice):
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    return as_alice


@pytest.mark.parametrize("name", LISTS)
def test_every_list_opens(as_operator, name, acme, checkout):
    connection = hooks.connected(acme, hooks.sentry_app())
    hooks.mapped(connection, checkout)

    assert as_operator.get(reverse(f"admin:{name}_changelist")).status_code == 200


def test_a_connection_is_shown_without_its_tokens(as_operator, connect):
    connection = connect()

    said = as_operator.get(reverse("admin:sentry_connection_change", args=[connection.pk])).content.decode()

    assert "Acme Rockets" in said
    assert "sealed" not in said
    assert connection.access_token not in said


def test_nothing_of_a_connection_is_changed_there(as_operator, connect):
    connection = connect()

    response = as_operator.post(reverse("admin:sentry_connection_change", args=[connection.pk]), {"state": "x"})

    assert response.status_code == 403
    assert Connection.objects.get(pk=connection.pk).is_connected


FIELDS = {"base_url": "https://sentry.own.example/", "slug": "bt", "key": "own", "client_id": "id"}


def test_an_app_is_registered_with_its_secret(as_operator):
    as_operator.post(reverse("admin:sentry_sentryapp_add"), FIELDS | {"new_client_secret": "first"})

    app = SentryApp.objects.get()
    assert app.base_url == "https://sentry.own.example"
    assert app.client_secret == "first"


def test_an_app_is_not_registered_without_a_secret(as_operator):
    response = as_operator.post(reverse("admin:sentry_sentryapp_add"), FIELDS)

    assert "A new app needs its client secret." in response.content.decode()
    assert not SentryApp.objects.exists()


def test_a_secret_is_never_shown_and_kept_while_nothing_is_written(as_operator):
    app = hooks.sentry_app()
    address = reverse("admin:sentry_sentryapp_change", args=[app.pk])

    said = as_operator.get(address).content.decode()
    as_operator.post(address, FIELDS)

    app.refresh_from_db()
    assert hooks.SECRET not in said
    assert app.key == "own"
    assert app.client_secret == hooks.SECRET


def test_a_changed_secret_keeps_the_one_before_it(as_operator):
    app = hooks.sentry_app()

    as_operator.post(
        reverse("admin:sentry_sentryapp_change", args=[app.pk]), FIELDS | {"new_client_secret": "second"}
    )

    app.refresh_from_db()
    assert app.client_secret == "second"
    assert unseal(app, "previous_client_secret_sealed") == hooks.SECRET
