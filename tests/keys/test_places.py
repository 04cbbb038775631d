import os

import pytest
from allauth.core.context import request_context
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db.models import BinaryField

from blametrail.intake import deliveries
from blametrail.integrations.sentry.models import Connection
from blametrail.keys import places
from blametrail.lib.encryption import WrongPlace
from tests.intake.test_writer import arrival
from tests.keys.sealing import NEW, OLD


def test_every_column_of_bytes_is_a_place():
    columns = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.concrete_fields  # noqa: SLF001 -- Django's documented way
        if isinstance(field, BinaryField)
    }

    assert columns
    assert columns <= {(place.model, place.field) for place in places.PLACES}


def test_each_place_finds_what_is_sealed_in_it(sealed):
    found = {place.name: place.filled().count() for place in places.PLACES}

    assert found == {place.name: 1 for place in places.PLACES} | {"Second factors": 2}


def test_what_is_under_another_key_is_found_by_the_database(sealed):
    for place in places.PLACES:
        assert place.under_another_key(OLD.header).count() == 0
        assert place.under_another_key(NEW.header).count() == place.filled().count()


def test_what_is_empty_is_no_place(acme, sealed):
    Connection.objects.update(access_token_sealed=None, refresh_token_sealed=b"")

    assert [place.filled().count() for place in places.PLACES if place.model is Connection] == [0, 0, 1]


def test_a_token_copied_to_another_tenant_does_not_open(sealed, malice_inc):
    sealed.connection.pk = None
    stolen = Connection.objects.create(
        organization=malice_inc,
        access_token_sealed=sealed.connection.access_token_sealed,
        base_url="https://sentry.io",
    )

    with pytest.raises(WrongPlace):
        _ = stolen.access_token


def test_a_second_factor_copied_to_another_person_does_not_open(sealed, mallory, rf):
    stolen = Authenticator.objects.create(user=mallory, type="totp", data=sealed.totp.data)
    request = rf.get("/")
    request.user = mallory

    with request_context(request), pytest.raises(WrongPlace):
        stolen.wrap().validate_code("123456")


def test_a_place_is_read_in_batches_that_fit_into_memory(db, now):
    sizes = [0.4, 0.4, 0.1, 1.5, 0.4]  # of what a batch may have; random bytes, which cannot be compressed
    bodies = [os.urandom(int(size * places.MOST_BYTES)) for size in sizes]
    stored = deliveries.store([arrival(body=body) for body in bodies], now=now)

    bodies_place = places.PLACES[-1]
    batches = [[row.id for row in batch] for batch in places.batches(bodies_place, bodies_place.filled())]
    assert batches == [[each.pk for each in stored[:3]], [stored[3].pk], [stored[4].pk]]
