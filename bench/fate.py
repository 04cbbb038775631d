"""The simulated clock of a bench, and what goes wrong at Sentry by it."""

import hashlib
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sentry_sandbox.faults import Fault

PER_MILLE = {  # of the requests for tokens; the rest goes well
    "drop_after_commit": 5,
    "status_after_commit:500": 5,
    "drop": 10,
    "status:401": 15,
    "status:500": 15,
    "slow:0.05": 5,  # stands for Sentry's 15 s stalls
    "status:429": 5,
    "429 with headers": 5,
}
DEATHS_PER_MILLE = 2  # of the requests: the worker dies just before or just after


class WorkerDied(BaseException):
    """Not an Exception: like SIGKILL, it must not be handled by anything in between."""


class Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def pause(self, length: timedelta) -> None:
        self.at += max(length, timedelta())

    def jump_to(self, moment: datetime) -> None:
        self.at = max(self.at, moment)


@dataclass
class Fate:
    """Which request goes wrong, and how: by seed, installation and the number of the request, in whatever order."""

    seed: int
    clock: Clock
    is_on: bool
    outages: list[tuple[datetime, datetime]] = field(default_factory=list)
    asked: Counter[str] = field(default_factory=Counter)
    tried: Counter[str] = field(default_factory=Counter)
    dealt: Counter[str] = field(default_factory=Counter)

    def take(self, operation: str, installation: str | None) -> Fault | None:
        if operation not in {"jwt", "refresh"}:
            return None
        if any(begin <= self.clock() < end for begin, end in self.outages):
            return self._fault("status:503")
        self.asked[str(installation)] += 1
        if not self.is_on:
            return None
        left = self._draw("fault", str(installation), self.asked[str(installation)])
        for what, share in PER_MILLE.items():
            left -= share
            if left < 0:
                return self._fault(what)
        return None

    def kills(self, installation: str, side: str) -> bool:
        self.tried[installation] += 1
        draw = self._draw(side, installation, self.tried[installation])
        return self.is_on and draw < DEATHS_PER_MILLE / 2

    def _fault(self, what: str) -> Fault:
        self.dealt[what] += 1
        if what == "429 with headers":
            return Fault("any", "status:429", headers={"Retry-After": "20"})
        return Fault("any", what)

    def _draw(self, *which: object) -> float:
        digest = hashlib.sha256(repr((self.seed, *which)).encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64 * 1000


@dataclass(frozen=True)
class Grant:
    """A request for tokens at Sentry, by our clock."""

    at: datetime
    installation: str
    number: int
    granted: bool
    fault: str


class Log(deque[Grant]):
    """Takes the place of Sentry's own log, which is short and goes by Sentry's clock."""

    def __init__(self, clock: Clock, fate: Fate) -> None:
        super().__init__()
        self._clock, self._fate = clock, fate

    def append(self, record: Any) -> None:
        number = self._fate.asked[record.installation]
        super().append(Grant(self._clock(), record.installation, number, record.granted, record.fault or ""))
