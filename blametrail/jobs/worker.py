"""The worker process: threads that run the jobs of the queue until told to stop."""

import os
import signal
from datetime import timedelta
from typing import Any

from huey.consumer import Consumer

from blametrail.jobs import queue

FIRST_POLL = timedelta(seconds=0.1)
SLOWEST_POLL = timedelta(seconds=0.5)
STOP_LIMIT = timedelta(seconds=30)  # a job stops at the end of its round; what it does not finish is taken over


class _Consumer(Consumer):  # type: ignore[misc]  # huey is published without types
    def start(self) -> None:
        super().start()
        # huey finishes what is in hand on one signal and drops it on the other. Here Ctrl-C is as polite as a stop.
        signal.signal(signal.SIGINT, _stop_politely)


def _stop_politely(_signal: int, _frame: Any) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def run(*, threads: int) -> None:
    """Run jobs until SIGTERM or SIGINT, then finish those in hand. The jobs must be registered before."""
    consumer = _Consumer(
        queue.huey,
        workers=threads,
        initial_delay=FIRST_POLL.total_seconds(),
        max_delay=SLOWEST_POLL.total_seconds(),
        shutdown_timeout=STOP_LIMIT.total_seconds(),
        health_check_interval=5,
        graceful_signal="TERM",
    )
    consumer.run()
