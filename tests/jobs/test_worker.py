import signal

import pytest

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery
from blametrail.jobs import queue
from tests.intake.test_writer import arrival
from tests.jobs.processes import line_with, running

pytestmark = [pytest.mark.drill, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _empty_queue():
    queue.huey.flush()


def test_what_was_owed_while_all_was_down_is_looked_for_at_start():
    with running("tests.jobs.slow_worker", "greet") as worker:
        line_with(worker, "ran a job")


def test_a_wake_up_call_from_another_process_is_heard():
    with running("tests.jobs.slow_worker", "greet") as worker:
        line_with(worker, "ran a job")
        queue.wake(deliveries.JOB)

        line_with(worker, "ran a job")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_finishes_what_it_has_in_hand(number):
    with running("tests.jobs.slow_worker", "finish") as worker:
        line_with(worker, "begun")
        worker.send_signal(number)
        worker.send_signal(number)

        line_with(worker, "finished")
        line_with(worker, "the end")
        assert worker.wait() == 0


def test_a_worker_killed_with_a_claimed_batch_and_restarted_finishes_all(now):
    deliveries.store([arrival(number) for number in range(20)], now=now)
    with running("tests.jobs.slow_worker", "hang") as worker:
        line_with(worker, "hanging on")
        worker.kill()
    assert Delivery.objects.filter(claim__isnull=False, status="pending").count() == 20

    with running("tests.jobs.slow_worker", "process-much-later") as worker:
        line_with(worker, "worked off 20")

    assert Delivery.objects.filter(status="processed").count() == 20
