"""The worker process: threads that run the jobs of the queue until told to stop."""

import signal
import threading
from datetime import timedelta

import structlog

from blametrail.jobs import queue

log = structlog.get_logger()

FIRST_POLL = timedelta(seconds=0.1)
SLOWEST_POLL = timedelta(seconds=0.5)
STOP_LIMIT = timedelta(seconds=20)  # a job stops at the end of its round; what it does not finish is taken over
BETWEEN_CHECKS = timedelta(seconds=5)


def run(*, threads: int) -> None:
    """Run jobs until SIGTERM or SIGINT, then finish those in hand. The jobs must be registered before."""
    consumer = queue.huey.create_consumer(
        workers=threads,
        initial_delay=FIRST_POLL.total_seconds(),
        max_delay=SLOWEST_POLL.total_seconds(),
        shutdown_timeout=STOP_LIMIT.total_seconds(),
    )
    stopping = threading.Event()
    consumer.start()
    # In place of huey's own handlers: there, one of the two signals drops what is in hand, and so does the second
    # signal of a kind, which a terminal's Ctrl-C together with our own supervisor would send.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    log.info("worker.started", threads=threads)
    while not stopping.wait(BETWEEN_CHECKS.total_seconds()):
        consumer.check_worker_health()
    consumer.stop(graceful=True)
    log.info("worker.stopped")
