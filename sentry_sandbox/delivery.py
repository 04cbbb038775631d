"""The webhook sender: exact bytes, signature, one-second patience and Sentry's retry policy."""

import asyncio
import hashlib
import hmac
import itertools
import json
import secrets
import time
import uuid
from collections import deque
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import httpx

from sentry_sandbox.announcements import Announcement
from sentry_sandbox.config import LOWEST_RETRIED_STATUS, AppStatus
from sentry_sandbox.trust import certificates
from sentry_sandbox.world import LOG_LENGTH, World

MOST_AT_ONCE = 50  # a burst of errors must not use up the machine's sockets
USER_AGENTS = {True: "sentry/24.2.0 (https://sentry.io)", False: "sentry/26.11.0 (https://sentry.io)"}


@dataclass
class Attempt:
    """One HTTP request to the integration, and what came of it."""

    id: int
    at: datetime
    resource: str
    action: str
    installation: str
    organization: str
    url: str
    number: int
    body: bytes
    headers: dict[str, str]
    status: int | None = None
    error: str | None = None
    duration_ms: float = 0.0

    @property
    def request_id(self) -> str:
        return self.headers["Request-ID"]


def encode(payload: dict[str, object], *, literal_utf8: bool = False) -> bytes:
    """Compact JSON with every non-ASCII character escaped, in the order the keys were put in."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=not literal_utf8).encode()


def sign(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_retried(attempt: Attempt, *, app_status: AppStatus, retries: int) -> bool:
    """Only a published app gets a second try, and never after a 3xx or 4xx."""
    if app_status is not AppStatus.PUBLISHED or attempt.number > retries:
        return False
    return attempt.error is not None or (attempt.status or 0) >= LOWEST_RETRIED_STATUS


class Sender:
    def __init__(self, world: World) -> None:
        self.world = world
        self.log: deque[Attempt] = deque(maxlen=LOG_LENGTH)
        self._ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._changed = asyncio.Event()
        self._client: httpx.AsyncClient | None = None

    async def open(self) -> None:
        # A fresh connection each time, as Sentry makes one; a kept one may have been closed meanwhile.
        limits = httpx.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=0)
        self._client = httpx.AsyncClient(
            trust_env=False, follow_redirects=False, limits=limits, verify=certificates()
        )

    async def close(self) -> None:
        await self.forget()
        if self._client:
            await self._client.aclose()

    async def forget(self) -> None:
        """Drop what is on its way and the log."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.log.clear()

    def send(self, announcements: Iterable[Announcement]) -> None:
        """Start each delivery on its own; their order of arrival is not promised, as at Sentry."""
        settings = self.world.config.webhooks
        wanted = [it for it in announcements if self._may_be_sent(it)]
        if settings.duplicate:
            wanted = [it for announcement in wanted for it in (announcement, announcement)]
        if settings.reorder:
            self._start(self._deliver_in_turn(wanted[::-1]))
            return
        for announcement in wanted:
            self._start(self._deliver(announcement))

    async def send_now(self, announcement: Announcement) -> None:
        """Send once and ignore the outcome, as Sentry does within an uninstall."""
        if self._may_be_sent(announcement):
            await self._try(announcement, number=1)

    async def replay(self, attempt_id: int, *, exact: bool) -> Attempt | None:
        """Send a logged body again: freshly signed, or with every old header as an eavesdropper would."""
        old = next((it for it in self.log if it.id == attempt_id), None)
        if old is None:
            return None
        headers = old.headers if exact else self._headers(old.resource, old.body)
        copy = self._new_attempt(old, headers)
        await self._post(copy)
        return copy

    async def settle(self, seconds: float, *, with_retries: bool) -> bool:
        """Wait until nothing is on its way; return whether that came in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks if with_retries else self._busy:
                    self._changed.clear()
                    await self._changed.wait()
                return True
        return False

    def _may_be_sent(self, announcement: Announcement) -> bool:
        settings = self.world.config.webhooks
        if not (settings.enabled and settings.url):
            return False
        return announcement.resource == "installation" or announcement.installation.status == "installed"

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(self._counted(work))
        self._tasks.add(task)
        task.add_done_callback(self._finish)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._changed.set()

    async def _counted(self, work: Coroutine[None, None, None]) -> None:
        self._count(1)
        try:
            await work
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._busy += change
        self._changed.set()

    async def _deliver_in_turn(self, announcements: list[Announcement]) -> None:
        for announcement in announcements:
            await self._deliver(announcement)

    async def _deliver(self, announcement: Announcement) -> None:
        for number in itertools.count(1):
            attempt = await self._try(announcement, number=number)
            config = self.world.config
            if attempt is None or not is_retried(
                attempt, app_status=config.app_status, retries=config.webhooks.retries
            ):
                return
            self._count(-1)
            try:
                await asyncio.sleep(config.webhooks.retry_interval.total_seconds())
            finally:
                self._count(1)

    async def _try(self, announcement: Announcement, *, number: int) -> Attempt | None:
        payload = announcement.build()
        settings = self.world.config.webhooks
        if payload is None or settings.url is None:
            return None
        body = encode(payload, literal_utf8=settings.literal_utf8)
        attempt = Attempt(
            id=next(self._ids),
            at=self.world.now(),
            resource=announcement.resource,
            action=announcement.action,
            installation=announcement.installation.uuid,
            organization=announcement.installation.organization.slug,
            url=settings.url,
            number=number,
            body=body,
            headers=self._headers(announcement.resource, body),
        )
        await self._post(attempt)
        return attempt

    def _new_attempt(self, old: Attempt, headers: dict[str, str]) -> Attempt:
        return Attempt(
            id=next(self._ids),
            at=self.world.now(),
            resource=old.resource,
            action=old.action,
            installation=old.installation,
            organization=old.organization,
            url=self.world.config.webhooks.url or old.url,
            number=old.number,
            body=old.body,
            headers=headers,
        )

    def _headers(self, resource: str, body: bytes) -> dict[str, str]:
        config = self.world.config
        secret = "wrong" if config.webhooks.wrong_signature else config.client_secret
        trace = uuid.uuid4().hex
        return {
            "sentry-trace": f"{trace}-{secrets.token_hex(8)}-0",
            "baggage": f"sentry-trace_id={trace},sentry-environment=production,sentry-sampled=false",
            "User-Agent": USER_AGENTS[config.is_older],
            "Content-Type": "application/json",
            "Request-ID": uuid.uuid4().hex,
            "Sentry-Hook-Resource": resource,
            "Sentry-Hook-Timestamp": str(int(self.world.now().timestamp())),
            "Sentry-Hook-Signature": sign(secret, body),
        }

    async def _post(self, attempt: Attempt) -> None:
        if self._client is None:
            raise RuntimeError("the sender is not open")
        self.log.append(attempt)
        started = time.perf_counter()
        patience = httpx.Timeout(self.world.config.webhooks.timeout.total_seconds(), pool=None)
        try:
            response = await self._client.post(
                attempt.url, content=attempt.body, headers=attempt.headers, timeout=patience
            )
            attempt.status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            attempt.error = type(error).__name__
        attempt.duration_ms = round((time.perf_counter() - started) * 1000, 1)
