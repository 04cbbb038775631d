"""What Sentry has to say to the integration, before it is bytes."""

from collections.abc import Callable
from dataclasses import dataclass

from sentry_sandbox.nouns import Installation

SENTRY_ACTOR: dict[str, object] = {"type": "application", "id": "sentry", "name": "Sentry"}


@dataclass(frozen=True)
class Announcement:
    """`build` is called for every attempt and returns None when there is nothing left to say."""

    resource: str
    action: str
    installation: Installation
    build: Callable[[], dict[str, object] | None]
    is_urgent: bool = False


def envelope(
    action: str, installation: Installation, facts: dict[str, object], actor: dict[str, object]
) -> dict[str, object]:
    return {"action": action, "installation": {"uuid": installation.uuid}, "data": facts, "actor": actor}
