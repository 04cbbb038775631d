import asyncio
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from blametrail.intake import deliveries, spooling, writer
from blametrail.intake.deliveries import Arrival
from blametrail.intake.models import Delivery
from blametrail.intake.writer import NotStored, Writer
from tests.intake.serving import door, headers, serving, spool

pytestmark = pytest.mark.django_db(transaction=True)


def arrival(number=0, **changes):
    fields = {"source": "echo", "endpoint": "one", "resource": "error", "headers": {}, "body": b"%d" % number}
    return Arrival(**{**fields, **changes})


def write(arrivals, *, wake=lambda: None):
    """Write all at once through one writer, and return what each caller got. All that is kept is in the database."""
    kept_in = spool()

    async def run():
        taking = Writer(wake=wake, spool=kept_in)
        await taking.start()
        outcomes = [asyncio.create_task(taking.write(each)) for each in arrivals]
        await asyncio.sleep(0)  # each has handed in its delivery now
        await taking.stop()
        return await asyncio.gather(*outcomes, return_exceptions=True)

    outcomes = asyncio.run(run())
    spooling.drain(kept_in, lambda: None)  # there is some if the machine was busy
    return outcomes


def bodies():
    return sorted(int(deliveries.body_of(delivery)) for delivery in Delivery.objects.all())


def test_two_hundred_senders_at_once_end_in_two_hundred_rows():
    with serving(door()) as (host, port), httpx.Client(timeout=30) as client, ThreadPoolExecutor(50) as senders:

        def send(number):
            body = b"%d" % number
            return client.post(
                f"http://{host}:{port}/hooks/echo/one", content=body, headers=headers(body)
            ).status_code

        answers = list(senders.map(send, range(200)))

    assert answers == [202] * 200
    assert bodies() == list(range(200))


def test_stopping_stores_what_was_taken_in():
    outcomes = write([arrival(number) for number in range(writer.MOST_PER_BATCH + 100)])

    assert outcomes == [None] * len(outcomes)
    assert bodies() == list(range(len(outcomes)))


def test_after_stopping_nothing_is_taken_in():
    async def run():
        stopped = Writer(wake=lambda: None, spool=spool())
        await stopped.start()
        await stopped.stop()
        await stopped.write(arrival())

    with pytest.raises(NotStored):
        asyncio.run(run())


def test_one_poisonous_delivery_does_not_fail_its_neighbours():
    outcomes = write([arrival(0), arrival(1, endpoint=None), arrival(2)])

    assert [type(outcome) for outcome in outcomes] == [type(None), NotStored, type(None)]
    assert bodies() == [0, 2]


def test_more_than_can_wait_are_turned_away_at_once():
    outcomes = write([arrival(number) for number in range(writer.MOST_WAITING + 5)])

    turned_away = [outcome for outcome in outcomes if isinstance(outcome, NotStored)]
    assert len(turned_away) == 5
    assert Delivery.objects.count() == writer.MOST_WAITING


def test_the_worker_is_woken_once_for_many():
    wakes = []

    write([arrival(number) for number in range(100)], wake=lambda: wakes.append(1))

    assert 1 <= len(wakes) <= 3


def test_what_a_stranger_wrote_never_makes_a_row_unstorable():
    outcomes = write([arrival(1, resource="nul\0" + "x" * 500)])

    assert outcomes == [None]
    assert Delivery.objects.get().resource == ("nul" + "x" * 500)[:60]
