"""Signed webhook requests of 5 to 50 kB in the shape of the recordings, the same in each run."""

import hashlib
import hmac
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRET = "bench-client-secret"  # noqa: S105 -- of nothing but these requests
RECORDINGS = Path(__file__).parents[1] / "tests" / "recordings" / "webhooks"
SMALLEST, LARGEST = 5_000, 50_000
COUNT = 64
SEED = 20261124


@dataclass(frozen=True)
class Hook:
    resource: str
    body: bytes

    @property
    def signature(self) -> str:
        return hmac.new(SECRET.encode(), self.body, hashlib.sha256).hexdigest()

    def request(self, path: str, id_: str) -> bytes:
        lines = [
            f"POST {path} HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(self.body)}",
            f"Request-ID: {id_}",
            f"Sentry-Hook-Resource: {self.resource}",
            f"Sentry-Hook-Signature: {self.signature}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def padded(body: dict[str, Any], size: int) -> bytes:
    """Return ``body`` with as many stack frames as fill ``size`` bytes."""
    frame = {"function": "charge", "module": "checkout.payments", "lineno": 120, "context_line": "    raise Declined"}
    frames: list[dict[str, Any]] = []
    room = size - len(json.dumps(body)) - 60
    while room > 0:
        frames.append({**frame, "abs_path": f"/srv/app/checkout/payments_{len(frames)}.py"})
        room -= len(json.dumps(frames[-1])) + 2
    body["data"]["frames"] = frames
    return json.dumps(body).encode()


def recorded(resource: str) -> dict[str, Any]:
    path = min(RECORDINGS.glob(f"*_{resource}_*.body"))
    loaded: dict[str, Any] = json.loads(path.read_bytes())
    return loaded


def hooks() -> list[Hook]:
    """Return requests of sizes as they are met: many small ones, few large ones."""
    chance = random.Random(SEED)
    made = []
    for number in range(COUNT):
        resource = ("issue", "event_alert", "error")[number % 3]
        size = int(SMALLEST * (LARGEST / SMALLEST) ** chance.random())
        made.append(Hook(resource, padded(recorded(resource), size)))
    return made
