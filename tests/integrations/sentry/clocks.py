"""A clock that a test moves."""

from datetime import datetime, timedelta

from blametrail.integrations.sentry import tokens


class Clock:
    def __init__(self) -> None:
        self.offset = timedelta()

    def __call__(self) -> datetime:
        return tokens.wall_clock() + self.offset

    def forward(self, **delta: float) -> None:
        self.offset += timedelta(**delta)
