import sqlite3
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Q

from blametrail.intake import deliveries, inserting
from blametrail.intake.deliveries import ClaimLost, Outcome
from blametrail.intake.models import Delivery, Status
from blametrail.lib.encryption import WrongPlace
from tests.intake.test_writer import arrival
from tests.jobs.processes import environment

MINUTE = timedelta(minutes=1)
DONE = Outcome(status=Status.PROCESSED, outcome="opened")


@pytest.fixture
def stored(db, now):
    """Five deliveries, the oldest first."""
    return [deliveries.store([arrival(number)], now=now + timedelta(seconds=number))[0] for number in range(5)]


def claim(now, *, limit=1):
    return deliveries.claim(limit=limit, now=now, lasts=MINUTE)


def test_a_body_comes_back_as_it_was_and_only_from_its_own_row(db, now):
    first, second = deliveries.store([arrival(body=b"first" * 1000), arrival(body=b"second")], now=now)

    assert deliveries.body_of(Delivery.objects.get(pk=first.pk)) == b"first" * 1000
    second.body = first.body
    with pytest.raises(WrongPlace):
        deliveries.body_of(second)


def test_a_stored_delivery_is_what_the_models_defaults_say(db, now):
    [stored] = deliveries.store([arrival(headers={"a": "ü"}, sender="someone")], now=now)

    found = Delivery.objects.get()
    blank = Delivery()
    assert found.headers == {"a": "ü"}
    for field in Delivery._meta.concrete_fields:  # noqa: SLF001 -- documented
        expected = stored if field.name in inserting.VARYING else blank
        assert getattr(found, field.attname) == getattr(expected, field.attname), field.name


def test_a_batch_is_stored_whole_or_not_at_all(db, now):
    with pytest.raises(Exception, match=r"(?i)null"):
        deliveries.store([arrival(0), arrival(1, endpoint=None)], now=now)

    connection.set_rollback(False)
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="searches the database's file, which only SQLite has here")
def test_what_a_webhook_says_is_not_in_clear_in_the_database_file(now):
    deliveries.store([arrival(body=b'{"code":"planted-grant-code"}', resource="planted-resource")], now=now)

    path = Path(connection.settings_dict["NAME"])
    with sqlite3.connect(path) as reader:
        reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    reader.close()
    raw = path.read_bytes()
    assert b"planted-resource" in raw
    assert b"planted-grant-code" not in raw


def test_the_oldest_is_claimed_first_and_once(stored, now):
    first = claim(now + MINUTE, limit=2)
    second = claim(now + MINUTE, limit=10)

    assert [each.pk for each in first] == [each.pk for each in stored[:2]]
    assert {each.pk for each in second} == {each.pk for each in stored[2:]}
    assert claim(now + MINUTE) == []


def test_what_is_not_due_yet_is_left(stored, now):
    assert [each.pk for each in claim(now, limit=10)] == [stored[0].pk]


def test_a_dead_claim_is_taken_over_and_counts_as_an_attempt(stored, now):
    dead = claim(now)[0]

    assert claim(now + MINUTE - timedelta(seconds=59)) == [stored[1]]
    taken_over = claim(now + MINUTE, limit=1)[0]
    assert (taken_over.pk, taken_over.attempts) == (dead.pk, 1)
    with pytest.raises(ClaimLost):
        deliveries.finish(dead, outcome=DONE, now=now)


def test_a_released_delivery_is_due_at_once_and_was_not_attempted(stored, now):
    deliveries.release(claim(now))

    assert [(each.pk, each.attempts) for each in claim(now)] == [(stored[0].pk, 0)]


def test_an_outcome_is_recorded_and_ends_the_claim(stored, now):
    [delivery] = claim(now)
    outcome = Outcome(
        status=Status.IGNORED, outcome="not_mapped", explanation=["Project web is", "not mapped."], subject="s" * 999
    )

    deliveries.finish(delivery, outcome=outcome, now=now)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.outcome, delivery.claim) == (Status.IGNORED, "not_mapped", None)
    assert (delivery.explanation, len(delivery.subject)) == ("Project web is\nnot mapped.", 200)
    assert claim(now) == []


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 10), (2, 20), (3, 40), (4, 80), (5, 160), (6, 320), (7, 640), (8, 900), (50, 900)]
)
def test_the_wait_doubles_up_to_a_bound(attempts, seconds):
    longest = timedelta(seconds=seconds)

    assert deliveries.longest_delay_after(attempts) == longest
    assert deliveries.delay_after(attempts, chance=lambda: 0.5) == longest / 2


def test_after_too_many_attempts_a_delivery_is_given_up(stored, now):
    for _ in range(deliveries.MAX_ATTEMPTS):
        [delivery] = claim(now)
        deliveries.begin(delivery)
        deliveries.fail(delivery, error="KeyError: 'issue'", now=now)
        now += deliveries.LONGEST_DELAY
        Delivery.objects.exclude(pk=delivery.pk).delete()

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts, delivery.error) == (Status.FAILED, 8, "KeyError: 'issue'")
    assert claim(now) == []


def test_a_replay_makes_it_due_as_if_it_had_just_arrived(stored, now):
    [delivery] = claim(now)
    deliveries.finish(delivery, outcome=Outcome(status=Status.IGNORED, outcome="not_mapped"), now=now)

    assert deliveries.requeue(Q(outcome="not_mapped"), now=now + MINUTE) == 1

    delivery.refresh_from_db()
    assert (delivery.status, delivery.outcome, delivery.due_at) == (Status.PENDING, "", now + MINUTE)


def test_a_replay_leaves_alone_what_a_worker_has_in_hand(stored, now):
    [delivery] = claim(now)

    assert deliveries.requeue(Q(pk=delivery.pk), now=now) == 0

    deliveries.finish(delivery, outcome=DONE, now=now)


def test_old_deliveries_are_purged_unless_something_is_owed(stored, now):
    [delivery] = claim(now)
    deliveries.finish(delivery, outcome=DONE, now=now)
    keep = timedelta(days=settings.ENVIRONMENT.delivery_retention_days)

    assert deliveries.purge(now + keep) == 0
    assert deliveries.purge(now + keep + MINUTE) == 1
    assert {each.pk for each in Delivery.objects.all()} == {each.pk for each in stored[1:]}


def _claim_all(now):
    claimed = []
    while batch := deliveries.claim(limit=7, now=now, lasts=MINUTE):
        claimed += [each.pk for each in batch]
    return claimed


@pytest.mark.django_db(transaction=True)
def test_four_threads_claim_each_delivery_once(now):
    stored = deliveries.store([arrival(number) for number in range(300)], now=now)
    claimed = []

    def work():
        claimed.extend(_claim_all(now))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(claimed) == sorted(each.pk for each in stored)


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_two_processes_claim_each_delivery_once(now):
    stored = deliveries.store([arrival(number) for number in range(300)], now=now)

    program = [sys.executable, "-m", "tests.intake.claim_all", now.isoformat()]
    processes = [subprocess.Popen(program, env=environment(), stdout=subprocess.PIPE, text=True) for _ in range(2)]

    claimed = [line for process in processes for line in process.communicate()[0].split()]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(claimed) == sorted(str(each.pk) for each in stored)
