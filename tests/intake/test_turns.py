from datetime import timedelta
from uuid import UUID

import pytest

from blametrail.intake import deliveries, processing, turns
from blametrail.intake.deliveries import Outcome
from blametrail.intake.models import Delivery, Status
from tests.intake.test_writer import arrival

pytestmark = pytest.mark.django_db

NOISY = str(UUID(int=0x7FFF << 112))
MINUTE = timedelta(minutes=1)


def sender(number):
    return str(UUID(int=(number * 0x9E37) % 0xFFFF << 112 | number))


def store(sender, *, now, count=1):
    return deliveries.store([arrival(number, sender=sender) for number in range(count)], now=now)


def claim(now, *, limit=50, after=None):
    return deliveries.claim(limit=limit, now=now, lasts=MINUTE, after=after)


@pytest.fixture
def backlog(now):
    return store(NOISY, now=now, count=5_000)


def test_another_tenant_is_in_the_very_next_claim_behind_five_thousand(backlog, now):
    [quiet] = store(sender(1), now=now + MINUTE)

    batch = claim(now + MINUTE)

    assert quiet in batch
    assert len(batch) >= 25


def test_among_many_each_has_its_turn_within_a_bounded_number_of_claims(backlog, now):
    waiting = {store(sender(number), now=now + MINUTE)[0].pk for number in range(1, 31)}

    claims, after = 0, sender(7)
    while waiting:
        batch = claim(now + MINUTE, after=after)
        after = max(delivery.sender for delivery in batch)
        waiting -= {delivery.pk for delivery in batch}
        claims += 1

    assert claims <= 31 // turns.SENDERS_AT_ONCE + 2


def test_one_who_is_alone_gets_all_of_a_claim_oldest_first(backlog, now):
    assert [each.pk for each in claim(now)] == [each.pk for each in backlog[:50]]


def test_whoever_did_not_say_who_it_is_has_a_turn_too(backlog, now):
    [nameless] = store("", now=now)

    assert nameless in claim(now, after=NOISY)
    assert [] not in list(turns.groups(None))


def test_senders_with_nothing_due_do_not_hide_those_behind_them(now):
    for number in range(1, 2 * turns.SENDERS_AT_ONCE + 1):
        store(sender(number), now=now + MINUTE)
    [due] = store(NOISY, now=now)

    assert claim(now, after=NOISY) == [due]


def test_every_sender_comes_once_in_a_round_wherever_it_begins(now):
    everyone = {sender(number) for number in range(1, 26)} | {""}
    for each in everyone:
        store(each, now=now)

    for start in (None, "", sender(1), sender(25), "zzz"):
        round_ = [each for group in turns.groups(start) for each in group]
        assert sorted(round_) == sorted(everyone)


@pytest.mark.django_db(transaction=True)
def test_a_workers_round_ends_with_everyone_served(backlog, now):
    quiet = [store(sender(number), now=now)[0].pk for number in range(1, 31)]
    clock = [now]

    def take_ten_milliseconds(delivery):
        clock[0] += timedelta(seconds=0.01)
        return Outcome(status=Status.PROCESSED, outcome="opened", sender=delivery.sender)

    processing.work_off(take_ten_milliseconds, lambda: clock[0])

    assert not Delivery.objects.filter(pk__in=quiet, status=Status.PENDING).exists()
    assert Delivery.objects.filter(status=Status.PENDING).count() > 4_000
