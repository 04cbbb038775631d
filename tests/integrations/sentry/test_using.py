"""A service that Sentry's projects lead to."""

import pytest

from blametrail.catalog import archiving
from tests.integrations.sentry import hooks
from tests.integrations.sentry.browsing import page, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def mapping(acme, checkout):
    return hooks.mapped(hooks.connected(acme, hooks.sentry_app()), checkout)


def test_a_service_that_an_active_mapping_feeds_is_not_archived(alice_in_acme, mapping, checkout, now):
    with pytest.raises(archiving.StillInUse, match="the mapping of checkout-api in Acme Rockets"):
        archiving.archive(alice_in_acme, checkout, now=now)


def test_a_mapping_that_is_switched_off_does_not_hold_its_service(as_alice, mapping, checkout):
    mapping.is_active = False
    mapping.save()

    as_alice.post(page("service_archive", checkout.pk))

    checkout.refresh_from_db()
    assert checkout.archived_at


def test_the_service_says_what_it_is_used_for(as_alice, mapping, checkout):
    assert "the mapping of checkout-api in Acme Rockets" in text_of(
        as_alice.get(page("service_archive", checkout.pk))
    )


def test_a_mapping_to_an_archived_service_is_not_switched_on_but_pointed_elsewhere(as_alice, mapping, checkout):
    mapping.is_active = False
    mapping.save()
    as_alice.post(page("service_archive", checkout.pk))

    response = as_alice.post(page("mapping_toggle", mapping.connection_id, mapping.pk), {"to": "active"}, follow=True)

    mapping.refresh_from_db()
    assert not mapping.is_active
    assert response.redirect_chain == [(page("mapping_edit", mapping.connection_id, mapping.pk), 302)]
    assert "The service of this mapping is archived; choose another one first." in text_of(response)
