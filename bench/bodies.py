"""Signed webhook requests of 5 to 50 kB in the shape of the recordings, the same in each run."""

import hashlib
import hmac
import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SECRET = "bench-client-secret"  # noqa: S105 -- of nothing but these requests
RECORDINGS = Path(__file__).parents[1] / "tests" / "recordings" / "webhooks"
INSTALLATION = "fbcd21ae-bc82-4c32-a9a3-fe1b6131adbe"
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


@cache
def _read(resource: str) -> bytes:
    return min(RECORDINGS.glob(f"*_{resource}_*.body")).read_bytes()


def recorded(resource: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(_read(resource))
    return loaded


def about_issue(body: dict[str, Any], *, issue: str, event: str) -> dict[str, Any]:
    """Return ``body``, made to be about another issue and event."""
    data = body["data"]
    body["installation"]["uuid"] = INSTALLATION
    if "issue" in data:
        data["issue"]["id"] = issue
    for name in {"event", "error"} & data.keys():
        data[name] |= {"issue_id": issue, "event_id": event}
    return body


def hooks(count: int = COUNT, *, first: int = 0) -> list[Hook]:
    """Return requests of sizes as they are met, many small ones, few large ones; four about each issue."""
    chance = random.Random(SEED)
    made = []
    for number in range(first, first + count):
        resource = ("issue", "event_alert", "error", "error")[number % 4]
        size = int(SMALLEST * (LARGEST / SMALLEST) ** chance.random())
        body = about_issue(recorded(resource), issue=str(1_000_000 + number // 4), event=f"{number:032x}")
        made.append(Hook(resource, padded(body, size)))
    return made
