import pytest
from django.db import IntegrityError, transaction

from blametrail.intake import deliveries, processing
from blametrail.intake.deliveries import Outcome
from blametrail.intake.models import Delivery, Status
from blametrail.organizations.models import Organization
from tests.intake.test_writer import arrival

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock(now):
    return Clock(now)


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def stored(now):
    return deliveries.store([arrival(number) for number in range(3)], now=now)


def open_something(delivery):
    """Have an effect, as an integration would."""
    number = deliveries.body_of(delivery).decode()
    Organization.objects.create(name=number, slug=f"effect-{number}")
    return Outcome(status=Status.PROCESSED, outcome="opened")


def effects():
    return sorted(Organization.objects.values_list("name", flat=True))


def test_each_delivery_is_processed_with_its_effects(stored, clock):
    assert processing.work_off(open_something, clock) == 3

    assert effects() == ["0", "1", "2"]
    assert set(Delivery.objects.values_list("status", "outcome")) == {("processed", "opened")}
    assert processing.work_off(open_something, clock) == 0


def test_a_failure_undoes_the_effects_and_is_tried_again_later(stored, clock):
    def fail_on_one(delivery):
        outcome = open_something(delivery)
        if delivery.pk == stored[1].pk:
            raise KeyError("issue")
        return outcome

    processing.work_off(fail_on_one, clock)

    failed = Delivery.objects.get(pk=stored[1].pk)
    assert effects() == ["0", "2"]
    assert (failed.status, failed.attempts, failed.error) == (Status.PENDING, 1, "KeyError: 'issue'")

    clock.now += deliveries.LONGEST_DELAY
    processing.work_off(open_something, clock)
    assert effects() == ["0", "1", "2"]


def test_a_poisonous_delivery_is_parked_and_its_neighbours_are_not(stored, clock):
    def fail_on_one(delivery):
        if delivery.pk == stored[1].pk:
            raise KeyError("issue")
        return open_something(delivery)

    for _ in range(deliveries.MAX_ATTEMPTS + 2):
        processing.work_off(fail_on_one, clock)
        clock.now += deliveries.LONGEST_DELAY

    parked = Delivery.objects.get(status=Status.FAILED)
    assert (parked.pk, parked.attempts) == (stored[1].pk, deliveries.MAX_ATTEMPTS)
    assert effects() == ["0", "2"]


class Killed(BaseException):
    """Stands for a killed process: nothing after it runs, no failure is recorded."""


def test_a_delivery_that_kills_its_worker_is_parked_and_its_neighbours_are_not(stored, clock):
    def die_of_one(delivery):
        if delivery.pk == stored[1].pk:
            raise Killed
        return open_something(delivery)

    for _ in range(deliveries.MAX_ATTEMPTS):
        with pytest.raises(Killed):
            processing.work_off(die_of_one, clock)
        clock.now += processing.CLAIM_LASTS

    processing.work_off(die_of_one, clock)
    parked = Delivery.objects.get(status=Status.FAILED)
    assert (parked.pk, effects()) == (stored[1].pk, ["0", "2"])
    assert "stopped each time" in parked.error


def test_two_transactions_that_met_are_tried_again_at_once(stored, clock):
    met = []

    def meet_once(delivery):
        if not met:
            met.append(delivery.pk)
            raise IntegrityError("the other one was first")
        return open_something(delivery)

    processing.work_off(meet_once, clock)

    assert effects() == ["0", "1", "2"]
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}


def test_a_lost_claim_undoes_the_effects_and_leaves_the_delivery_to_the_other_worker(stored, clock):
    def lose(delivery):
        outcome = open_something(delivery)
        clock.now += processing.CLAIM_LASTS
        Delivery.objects.filter(pk=delivery.pk).update(claim=stored[0].pk)
        return outcome

    processing.work_off(lose, clock)

    assert effects() == []
    assert set(Delivery.objects.values_list("status", "error")) == {("pending", "")}


def test_a_round_ends_and_leaves_the_rest_to_the_next(stored, clock):
    def take_long(delivery):
        clock.now += processing.ROUND_LASTS
        return open_something(delivery)

    assert processing.work_off(take_long, clock) == 1
    assert Delivery.objects.filter(claim=None, status=Status.PENDING).count() == 2


def test_processing_runs_in_a_transaction(stored, clock):
    seen = []

    def look(delivery):
        seen.append(transaction.get_connection().in_atomic_block)
        return open_something(delivery)

    processing.work_off(look, clock)

    assert seen == [True, True, True]
