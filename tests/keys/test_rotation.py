from types import SimpleNamespace

import pytest
from allauth.core.context import request_context
from django.db import connection as database
from django.db import connections
from django.utils import timezone

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry.models import Connection, SentryApp, seal, unseal
from blametrail.keys import places, proof, rotation
from blametrail.lib.encryption import Key, Vault
from tests.intake.test_writer import arrival
from tests.keys.sealing import NEW, OLD, PLANTED

BODIES = places.PLACES[-1]
ACCESS_TOKENS = places.PLACES[2]


def rotate(place, vault):
    return list(rotation.rotate(place, vault))[-1]


def rotate_everything(vault):
    return [rotate(place, vault) for place in places.PLACES]


def verify(place, vault):
    return list(proof.verify(place, vault))[-1]


def test_afterwards_everything_opens_under_the_new_key_alone(sealed, rotating):
    progress = rotate_everything(rotating)

    alone = Vault([NEW])
    assert [each.done for each in progress] == [1, 1, 1, 1, 1, 1, 2, 1]
    assert all(each.is_complete for each in progress)
    assert all(verify(place, alone).is_clean(alone) for place in places.PLACES)


def test_the_secrets_are_the_same_as_before(sealed, rotating, settings, alice):
    rotate_everything(rotating)

    settings.VAULT = Vault([NEW])
    for row in vars(sealed).values():
        row.refresh_from_db()
    assert sealed.connection.access_token == sealed.app.client_secret == PLANTED
    assert unseal(sealed.held, "code_sealed") == PLANTED
    assert deliveries.body_of(sealed.delivery) == PLANTED.encode()
    with request_context(SimpleNamespace(user=alice)):
        assert len(sealed.codes.wrap().get_unused_codes()) == 10


def test_what_else_allauth_keeps_of_a_second_factor_stays(sealed, rotating):
    rotate_everything(rotating)

    sealed.codes.refresh_from_db()
    assert sealed.codes.data["used_mask"] == 0


def test_a_second_run_finds_nothing_to_do(sealed, rotating):
    rotate_everything(rotating)

    assert [each.to_do for each in rotate_everything(rotating)] == [0] * len(places.PLACES)


def test_a_key_of_the_same_name_can_be_told_apart_and_is_left(sealed, settings):
    impostor = Vault([NEW, Key(OLD.name, b"x" * 32)])

    progress = rotate(ACCESS_TOKENS, impostor)
    assert (progress.done, progress.is_complete) == (0, False)
    assert "is not the key this was encrypted with" in next(iter(progress.unreadable))


def test_what_cannot_be_opened_does_not_hold_up_the_rest(db, now):
    stored = deliveries.store([arrival(number) for number in range(3)], now=now)
    Delivery.objects.filter(pk=stored[1].pk).update(body=stored[0].body)
    even_newer = Vault([Key("t3", b"t3" * 16), NEW, OLD])

    progress = rotate(BODIES, even_newer)
    assert (progress.done, progress.unreadable.total()) == (2, 1)


def test_a_value_stored_since_it_was_read_is_left_alone(sealed, rotating):
    [row] = places.newest(ACCESS_TOKENS, limit=1)
    newer = seal(sealed.connection, "access_token_sealed", "newer")
    Connection.objects.update(access_token_sealed=newer)

    assert ACCESS_TOKENS.replace([(row, b"what rotation makes of the older one")]) == 0
    assert Connection.objects.get().access_token == "newer"


def test_a_recovery_code_used_meanwhile_stays_used(sealed, rotating):
    second_factors = places.PLACES[-2]
    row = next(row for row in places.newest(second_factors, limit=2) if "seed" in row.stored)
    sealed.codes.data["used_mask"] = 1
    sealed.codes.save()

    assert second_factors.replace([(row, {**row.stored, "seed": "00"})]) == 0


def test_a_rotation_that_was_stopped_goes_on_where_it_stopped(db, now, rotating, settings):
    settings.VAULT = Vault([OLD])
    deliveries.store([arrival(number) for number in range(places.MOST_ROWS + 7)], now=now)
    stopped = rotation.rotate(BODIES, rotating)
    next(stopped)
    next(stopped)
    stopped.close()

    assert rotation.to_do(BODIES, rotating) == 7
    assert rotate(BODIES, rotating).done == 7
    assert verify(BODIES, rotating).under == {"t2": places.MOST_ROWS + 7}


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(database.vendor == "sqlite", reason="there, nobody can hold a row while another writes")
def test_a_row_that_somebody_holds_is_not_waited_for(settings):
    settings.VAULT = Vault([OLD])
    deliveries.store([arrival(number) for number in range(2)], now=timezone.now())
    rotating = Vault([NEW, OLD])
    other = connections.create_connection("default")
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute("SELECT id FROM intake_delivery ORDER BY id LIMIT 1 FOR UPDATE")

    held = rotate(BODIES, rotating)
    other.rollback()
    other.close()

    assert (held.done, held.overtaken) == (1, 1)
    assert rotate(BODIES, rotating).is_complete


def test_a_place_that_was_never_sealed_is_told(sealed, rotating):
    SentryApp.objects.update(client_secret_sealed=b"in-clear-text")

    found = verify(places.PLACES[0], rotating)
    assert (found.under, found.unreadable.total(), found.is_clean(rotating)) == ({}, 1, False)
    assert "in-clear-text" not in str(found)
