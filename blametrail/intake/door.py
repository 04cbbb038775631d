"""The webhook door: an ASGI application in front of the product's own, which answers when a delivery is stored."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog

from blametrail.intake import meters
from blametrail.intake.deliveries import Arrival
from blametrail.intake.receivers import Receiver, Refused
from blametrail.intake.writer import NotStored, Writer

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]  # Django types its own scope and messages differently

ADDRESS = re.compile(r"/hooks/(?P<source>[a-z0-9-]+)/(?P<endpoint>[A-Za-z0-9_-]{1,80})/?")
# Who sent it, what it says it is, and its signature, which is a hash. Never a cookie or an Authorization header:
# senders may be configured to add those.
KEPT_HEADERS = re.compile(
    r"content-type|user-agent|request-id|\w+-hook-(resource|timestamp|signature)|\w+-app-signature"
)
LONGEST_HEADER = 500
RETRY_AFTER = 5  # seconds


class NotAccepted(Exception):
    """This request gets another answer than 202: ``kind`` is a word for programs, ``reason`` for the sender."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much, and for how long. What is in memory at once is bounded both in number and in bytes."""

    body: int
    bodies_at_once: int = 1_000
    bytes_at_once: int = 64 * 1024 * 1024
    read: timedelta = timedelta(seconds=10)
    verify: timedelta = timedelta(seconds=5)


class _Room:
    def __init__(self, limits: Limits) -> None:
        self._bodies_left = limits.bodies_at_once
        self._bytes_left = max(limits.bytes_at_once, 2 * limits.body)

    def enter(self) -> None:
        if not self._bodies_left:
            raise NotAccepted(503, "busy", "Too many requests at once.")
        self._bodies_left -= 1

    def take(self, size: int) -> None:
        if size > self._bytes_left:
            raise NotAccepted(503, "busy", "Too many requests at once.")
        self._bytes_left -= size

    def leave(self, size: int) -> None:
        self._bodies_left += 1
        self._bytes_left += size


class Door:
    """Take in what comes to ``/hooks/<source>/<endpoint>``; hand everything else to ``behind``."""

    def __init__(self, behind: Application, *, receivers: Iterable[Receiver], writer: Writer, limits: Limits) -> None:
        self._behind = behind
        self._receivers = {receiver.source: receiver for receiver in receivers}
        self._writer = writer
        self._limits = limits
        self._room = _Room(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and scope["path"].startswith("/hooks/"):
            await self._answer(scope, receive, send)
        else:
            await self._behind(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._writer.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._writer.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = ADDRESS.fullmatch(scope["path"])
        receiver = self._receivers.get(address["source"]) if address else None
        status, kind, reason = 202, "", ""
        began_at = time.perf_counter()
        try:
            if address is None or receiver is None:
                raise NotAccepted(404, "unknown_address", "There is no such webhook address here.")  # noqa: TRY301 -- one way out for all
            await self._accept(receiver, address["endpoint"], scope, receive)
        except NotAccepted as refusal:
            status, kind, reason = refusal.status, refusal.kind, refusal.reason
        else:
            meters.ACCEPTED_IN.observe(time.perf_counter() - began_at)
        meters.REQUESTS.labels(receiver.source if receiver else "", status, kind).inc()
        await _send(send, status, reason)

    async def _accept(self, receiver: Receiver, endpoint: str, scope: Scope, receive: Receive) -> None:
        if scope["method"] != "POST":
            raise NotAccepted(405, "not_post", "Webhooks are sent with POST.")
        headers = _headers(scope)
        body = bytearray()
        self._room.enter()
        try:
            await self._read(body, headers, receive)
            await self._take_in(receiver, endpoint, headers, bytes(body))
        finally:
            self._room.leave(len(body))

    async def _read(self, body: bytearray, headers: Mapping[str, str], receive: Receive) -> None:
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self._limits.body:
            raise NotAccepted(413, "too_large", f"The body may have {self._limits.body} bytes at most.")
        try:
            async with asyncio.timeout(self._limits.read.total_seconds()):
                while await self._read_on(body, receive):
                    pass
        except TimeoutError:
            raise NotAccepted(408, "too_slow", "The body did not arrive in time.") from None

    async def _read_on(self, body: bytearray, receive: Receive) -> bool:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise NotAccepted(400, "hung_up", "The sender hung up.")
        chunk = message.get("body", b"")
        if len(body) + len(chunk) > self._limits.body:
            raise NotAccepted(413, "too_large", f"The body may have {self._limits.body} bytes at most.")
        self._room.take(len(chunk))
        body += chunk
        return bool(message.get("more_body", False))

    async def _take_in(self, receiver: Receiver, endpoint: str, headers: dict[str, str], body: bytes) -> None:
        try:
            async with asyncio.timeout(self._limits.verify.total_seconds()):
                verdict = await receiver.verify(endpoint, headers, body)
        except Exception:
            log.exception("intake.not_verified", source=receiver.source)
            raise NotAccepted(
                503, "not_verified", "The signature could not be checked. Please send it again."
            ) from None
        if isinstance(verdict, Refused):
            raise NotAccepted(
                verdict.status, "unknown_endpoint" if verdict.status == 404 else "not_authentic", verdict.reason
            )
        arrival = Arrival(
            source=receiver.source,
            endpoint=endpoint,
            resource=verdict.resource,
            sender=verdict.sender,
            headers={name: value[:LONGEST_HEADER] for name, value in headers.items() if KEPT_HEADERS.fullmatch(name)},
            body=body,
        )
        try:
            await self._writer.write(arrival)
        except NotStored:
            raise NotAccepted(503, "not_kept", "The delivery could not be stored. Please send it again.") from None


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        text = name.decode("latin-1").lower()
        # A header given twice is one with a comma (RFC 9110, 5.3): two signatures are then no valid signature.
        headers[text] = f"{headers[text]}, {value.decode('latin-1')}" if text in headers else value.decode("latin-1")
    return headers


async def _send(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER).encode()))
    if status != 202:
        # The body may not have been read; without this the server would read and drop the rest of it.
        headers.append((b"connection", b"close"))
    body = json.dumps({"detail": reason}).encode() if reason else b"{}"
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
