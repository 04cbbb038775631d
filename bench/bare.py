"""The limit: an application that reads the body, computes its HMAC and answers, and does nothing else."""

import hashlib
import hmac
from typing import Any

from bench.bodies import SECRET

ANSWER = {"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"2")]}


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    given = dict(scope["headers"])[b"sentry-hook-signature"].decode()
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer = ANSWER if hmac.compare_digest(signed, given) else {**ANSWER, "status": 401}
    await send(answer)
    await send({"type": "http.response.body", "body": b"{}"})
