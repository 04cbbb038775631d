"""Keep child processes running until told to stop, then stop them all."""

import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

import structlog

log = structlog.get_logger()

BETWEEN_LOOKS = timedelta(seconds=0.2)
LONGEST_PAUSE = timedelta(seconds=30)
HEALTHY_AFTER = timedelta(seconds=60)
STOP_LIMIT = timedelta(seconds=30)  # longer than web and worker themselves take at most
_PR_SET_PDEATHSIG = 1


class Child:
    """One process that is started again when it dies: at once the first time, then after longer and longer pauses."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._deaths = 0
        self._start_at = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def tend(self, now: float) -> None:
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
        elif self._process.poll() is not None:
            self._bury(self._process, now)

    def _start(self, now: float) -> None:
        command = [sys.executable, "-m", "blametrail.cli", *self._arguments]
        # The command is this program itself. A new thread would make preexec_fn unsafe; there is none here.
        self._process = subprocess.Popen(command, preexec_fn=_die_with_parent)  # noqa: S603, PLW1509
        self._started_at = now
        log.info("up.started", command=self._arguments[0], pid=self._process.pid)

    def _bury(self, process: subprocess.Popen[bytes], now: float) -> None:
        self._deaths = 0 if now - self._started_at >= HEALTHY_AFTER.total_seconds() else self._deaths + 1
        pause = pause_after(self._deaths)
        log.error(
            "up.died", command=self._arguments[0], pid=process.pid, status=process.returncode, again_in=str(pause)
        )
        self._start_at = now + pause.total_seconds()
        self._process = None

    def ask_to_stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def stop(self, deadline: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def pause_after(deaths: int) -> timedelta:
    """Return how long to wait before starting again what died so often in a row."""
    if deaths <= 1:
        return timedelta()
    doublings = min(deaths - 2, 16)  # a timedelta is not without end
    pause: timedelta = timedelta(seconds=1) * 2**doublings
    return min(LONGEST_PAUSE, pause)


def supervise(commands: Sequence[Sequence[str]]) -> None:
    """Run every command of ``blametrail`` in ``commands`` until SIGTERM or SIGINT."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    children = [Child(arguments) for arguments in commands]
    while True:
        for child in children:
            child.tend(time.monotonic())
        if stopping.wait(BETWEEN_LOOKS.total_seconds()):
            break
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + STOP_LIMIT.total_seconds()
    for child in children:
        child.stop(deadline)


def _die_with_parent() -> None:
    # Even when the parent is killed, no orphan goes on serving an old version on the port.
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
