"""The Sentry app of the settings becomes a row, and stays in step with them."""

import pytest
from django.conf import settings
from pydantic import SecretStr

from blametrail.integrations.sentry import apps_registry
from blametrail.integrations.sentry.models import SentryApp, unseal

pytestmark = pytest.mark.django_db


def environment(**changes):
    described = {
        "sentry_base_url": "https://sentry.example",
        "sentry_app_slug": "blametrail",
        "sentry_client_id": "id",
        "sentry_client_secret": SecretStr("first secret"),
    }
    return settings.ENVIRONMENT.model_copy(update=described | changes)


def test_settings_without_an_app_make_none():
    assert apps_registry.sync(environment(sentry_app_slug="")) is None


def test_the_app_is_made_once(db):
    apps_registry.sync(environment())
    apps_registry.sync(environment())

    assert SentryApp.objects.get().client_secret == "first secret"


def test_a_changed_secret_keeps_the_one_before_for_webhooks_on_their_way():
    apps_registry.sync(environment())

    app = apps_registry.sync(environment(sentry_client_secret=SecretStr("second secret")))

    assert app.client_secret == "second secret"
    assert unseal(app, "previous_client_secret_sealed") == "first secret"


def test_apps_of_one_slug_at_two_hosts_have_addresses_of_their_own():
    first = apps_registry.sync(environment())
    second = apps_registry.sync(environment(sentry_base_url="https://other.example"))

    assert (first.key, second.key) == ("blametrail", "blametrail-2")


def test_only_hosts_that_the_operator_configured_may_receive_a_token():
    apps_registry.sync(environment())

    assert "https://sentry.example" in apps_registry.hosts()
    assert "https://other.example" not in apps_registry.hosts()
