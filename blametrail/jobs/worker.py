"""The worker process: threads that run the jobs of the queue until told to stop."""

import signal
import threading
from datetime import timedelta

import structlog
from huey.consumer import Consumer

from blametrail.jobs import queue

log = structlog.get_logger()

FIRST_POLL = timedelta(seconds=0.1)
SLOWEST_POLL = timedelta(seconds=0.5)
STOP_LIMIT = timedelta(seconds=20)  # a job stops at the end of its round; what it does not finish is taken over
BETWEEN_CHECKS = timedelta(seconds=5)


class _Consumer(Consumer):  # type: ignore[misc]  # huey is published without types
    def _set_signal_handlers(self) -> None:
        """Leave the signals to ``run``.

        With huey's own handlers, one of SIGTERM and SIGINT drops what is in hand, and so does the second signal of a
        kind, which is what a Ctrl-C in the terminal of ``blametrail up`` sends.
        """


def run(*, threads: int) -> None:
    """Run jobs until SIGTERM or SIGINT, then finish those in hand. The jobs must be registered before."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    consumer = _Consumer(
        queue.huey,
        workers=threads,
        initial_delay=FIRST_POLL.total_seconds(),
        max_delay=SLOWEST_POLL.total_seconds(),
        shutdown_timeout=STOP_LIMIT.total_seconds(),
    )
    consumer.start()
    log.info("worker.started", threads=threads)
    while not stopping.wait(BETWEEN_CHECKS.total_seconds()):
        consumer.check_worker_health()
    consumer.stop(graceful=True)
    log.info("worker.stopped")
