import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from huey import SqliteHuey

from blametrail.jobs import queue

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _empty_queue():
    queue.huey.flush()


@pytest.fixture
def ran(monkeypatch):
    ran = []
    monkeypatch.setitem(queue.registered, "one", lambda: ran.append("one"))
    monkeypatch.setitem(queue.registered, "two", lambda: ran.append("two"))
    return ran


def run_all():
    while (task := queue.huey.dequeue()) is not None:
        queue.huey.execute(task)


def test_a_wake_up_call_runs_the_job(ran):
    queue.wake("one")

    run_all()
    assert ran == ["one"]


def test_many_calls_for_one_job_are_one(ran):
    for _ in range(50):
        queue.wake("one")

    assert queue.huey.pending_count() == 1


def test_a_call_that_comes_while_the_job_runs_is_another(ran):
    queue.wake("one")
    queue.registered["one"] = lambda: (ran.append("one"), queue.wake("two"), queue.wake("one"))

    queue.huey.execute(queue.huey.dequeue())

    assert queue.huey.pending_count() == 2


def test_a_job_may_be_asked_for_later(ran):
    queue.wake("one", at=datetime.now(UTC) + timedelta(minutes=5))

    run_all()
    assert ran == []
    assert len(queue.huey.read_schedule(datetime.now(UTC) + timedelta(minutes=6))) == 1


def test_a_failing_job_does_not_keep_others_from_running(ran, monkeypatch):
    monkeypatch.setitem(queue.registered, "one", lambda: 1 / 0)
    queue.wake("one")
    queue.wake("two")

    run_all()

    assert ran == ["two"]


def test_a_sweep_runs_every_job_and_is_remembered(ran):
    queue.huey.execute(queue.sweep.s())
    run_all()

    assert {"one", "two"} <= set(ran)
    assert datetime.now(UTC) - queue.last_sweep_at() < timedelta(minutes=1)


def test_a_sweep_finds_a_job_whose_call_was_lost(ran):
    queue.wake("one")
    queue.huey.dequeue()  # and the worker is killed before it runs it

    queue.wake("one")
    assert queue.huey.pending_count() == 0
    queue.huey.execute(queue.sweep.s())
    run_all()

    assert "one" in ran
    queue.wake("one")
    assert queue.huey.pending_count() == 1


def test_a_queue_in_trouble_never_reaches_the_caller(monkeypatch, tmp_path):
    elsewhere = SqliteHuey("elsewhere", filename=str(tmp_path / "missing" / "jobs"), create_tables=False)
    monkeypatch.setattr(queue, "huey", elsewhere)

    queue.wake("one")

    with pytest.raises(sqlite3.OperationalError):
        elsewhere.pending_count()
