import pytest
from django.db import connection

from blametrail.intake import deliveries, spooling
from blametrail.intake.models import Delivery, Status
from blametrail.intake.spool import SET_ASIDE
from tests.intake.serving import spool
from tests.intake.test_writer import arrival

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


def drain(kept_in):
    woken = []
    spooling.drain(kept_in, lambda: woken.append("woken"))
    return woken


def test_a_spooled_delivery_is_stored_as_if_it_had_never_been_there(folder, now):
    spooling.keep(kept_in := spool(folder), [arrival(1)], now=now)

    assert drain(kept_in) == ["woken"]

    delivery = Delivery.objects.get()
    assert (delivery.received_at, delivery.due_at, delivery.status) == (now, now, Status.PENDING)
    assert deliveries.body_of(delivery) == b"1"


def test_all_that_is_known_of_it_comes_back(folder, now):
    arrived = arrival(body=b"the body", headers={"request-id": "abc"}, resource="issue")
    spooling.keep(kept_in := spool(folder), [arrived], now=now)

    drain(kept_in)

    delivery = Delivery.objects.get(pk=arrived.id)
    assert (delivery.source, delivery.endpoint, delivery.resource) == ("echo", "one", "issue")
    assert (delivery.headers, delivery.body_size) == ({"request-id": "abc"}, 8)
    assert deliveries.body_of(delivery) == b"the body"


def test_the_body_is_not_in_clear_on_disk(folder, now):
    spooling.keep(spool(folder), [arrival(body=b'{"code":"planted-grant-code"}', resource="planted")], now=now)

    [path] = folder.glob("*.spool")
    assert b"planted" in path.read_bytes()
    assert b"planted-grant-code" not in path.read_bytes()


def test_what_the_database_has_already_is_not_stored_twice(folder, now):
    batch = [arrival(number) for number in range(4)]
    deliveries.store(batch[:2], now=now)
    Delivery.objects.filter(pk=batch[0].id).update(status=Status.PROCESSED)
    spooling.keep(kept_in := spool(folder), batch, now=now)

    drain(kept_in)

    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["pending"] * 3 + ["processed"]


@pytest.mark.django_db(transaction=True)
def test_one_that_the_database_refuses_is_set_aside_and_costs_no_other(folder, now):
    kept_in = spool(folder)
    batch = [arrival(0), arrival(1, endpoint="y" * 500), arrival(2)]
    spooling.keep(kept_in, batch, now=now)
    kept_in.append([b"not a delivery"])  # as another version might write

    drain(kept_in)

    stored = set(Delivery.objects.values_list("id", flat=True))
    aside = [path.read_bytes() for path in (folder / SET_ASIDE).iterdir()]
    assert stored >= {batch[0].id, batch[2].id}
    assert b"not a delivery" in aside
    if connection.vendor == "postgresql":  # SQLite takes a text of any length
        assert batch[1].id not in stored
        assert len(aside) == 2
