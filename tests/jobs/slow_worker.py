"""A worker with jobs made for tests: ``python -m tests.jobs.slow_worker JOB``."""

import sys
import threading
from datetime import timedelta

import django

django.setup()

from django.utils import timezone  # noqa: E402 -- Django must be set up

from blametrail.intake import deliveries, processing  # noqa: E402 -- as above
from blametrail.intake.deliveries import Outcome  # noqa: E402 -- as above
from blametrail.intake.models import Status  # noqa: E402 -- as above
from blametrail.jobs import queue, worker  # noqa: E402 -- as above

never = threading.Event()


def hang(delivery):
    print(f"hanging on {delivery.pk}", flush=True)
    never.wait()


def process(delivery):
    deliveries.body_of(delivery)
    return Outcome(status=Status.PROCESSED, outcome="opened")


def work_off(process, now_from):
    count = processing.work_off(process, now_from)
    print(f"worked off {count}", flush=True)


def much_later():
    return timezone.now() + timedelta(hours=1)


def greet():
    print("ran a job", flush=True)


def finish_what_is_begun():
    print("begun", flush=True)
    never.wait(1)
    print("finished", flush=True)


JOBS = {
    "hang": lambda: work_off(hang, timezone.now),
    "process": lambda: work_off(process, timezone.now),
    "process-much-later": lambda: work_off(process, much_later),
    "greet": greet,
    "finish": finish_what_is_begun,
}

queue.register(deliveries.JOB, JOBS[sys.argv[1]])
worker.run(threads=2)
print("the end", flush=True)
