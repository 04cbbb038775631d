"""Sentry's side of the webhook door: whose secret a request must be signed with."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections

from blametrail.intake.receivers import Accepted, Refused
from blametrail.integrations.sentry import remembered, signature
from blametrail.integrations.sentry.models import Connection, Mode, SentryApp, unseal

log = structlog.get_logger()

BELIEVED_FOR = 10.0  # seconds; a burst costs one look into the database
# A secret may just have been changed, and Sentry never sends again what was answered with 401. So a wrong signature
# is held against secrets that are no older than this, which is also all that a flood of wrong ones can cost.
FRESH_FOR = 1.0
MOST_ENDPOINTS = 1_000
# With the database away, what was read before is believed instead, and what it accepts goes into the spool. Sentry
# waits one second for all of it.
LOOK_UP_PATIENCE = 0.3
BETWEEN_TRIES = 2.0

Secrets = tuple[str, ...]


class _Installation(msgspec.Struct):
    uuid: UUID


class _Envelope(msgspec.Struct):
    """All that is read at the door; the rest is skipped, at about a gigabyte a second."""

    installation: _Installation


_ENVELOPE = msgspec.json.Decoder(_Envelope)


@dataclass(frozen=True)
class _Known:
    secrets: Secrets
    read_at: float


class SentryReceiver:
    """Accepts what is signed with the secret of the Sentry app, or internal integration, that the address names."""

    source = "sentry"

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        look_up: Callable[[str], Secrets] | None = None,
        remembers: int = MOST_ENDPOINTS,
    ) -> None:
        self._clock = clock
        self._look_up = look_up or _look_up
        self._remembers = remembers
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._readings: dict[str, asyncio.Task[_Known]] = {}
        self._next_try_at = 0.0

    async def verify(self, endpoint: str, headers: Mapping[str, str], body: bytes) -> Accepted | Refused:
        given = signature.given_in(headers)
        if not given:
            return Refused(401, "The request is not signed.")
        known = await self._secrets(endpoint, no_older_than=BELIEVED_FOR)
        if not signature.is_valid(body, given=given, secrets=known.secrets):
            known = await self._secrets(endpoint, no_older_than=FRESH_FOR)
            if not known.secrets:
                return Refused(404, "There is no such webhook address here.")
            if not signature.is_valid(body, given=given, secrets=known.secrets):
                return Refused(401, "The signature is not right: the client secret differs, or the body was changed.")
        return Accepted(headers.get("sentry-hook-resource") or "unknown", sender=_sender(body))

    async def _secrets(self, endpoint: str, *, no_older_than: float) -> _Known:
        known = self._known.get(endpoint)
        if known is not None and self._clock() - known.read_at < no_older_than:
            return known
        if no_older_than == FRESH_FOR:
            return await self._reading(endpoint)
        known = known or _Known(remembered.recall(endpoint), read_at=-math.inf)
        if not known.secrets:
            return await self._reading(endpoint)
        if self._clock() < self._next_try_at:
            return known
        try:
            async with asyncio.timeout(LOOK_UP_PATIENCE):
                return await self._reading(endpoint)
        except (TimeoutError, DatabaseError, InterfaceError) as error:
            log.warning("sentry.secrets_not_read", endpoint=endpoint, error=type(error).__name__)
            self._next_try_at = self._clock() + BETWEEN_TRIES
            self._known[endpoint] = known
            return known

    async def _reading(self, endpoint: str) -> _Known:
        reading = self._readings.get(endpoint)
        if reading is None:
            reading = self._readings[endpoint] = asyncio.create_task(self._read(endpoint))
            reading.add_done_callback(lambda done: self._done(endpoint, done))
        # Shielded, since others wait for the same reading when this request is given up.
        return await asyncio.shield(reading)

    def _done(self, endpoint: str, reading: "asyncio.Task[_Known]") -> None:
        self._readings.pop(endpoint, None)
        if not reading.cancelled():
            reading.exception()  # looked at, or asyncio would complain where nobody waited for it any more

    async def _read(self, endpoint: str) -> _Known:
        read_at = self._clock()
        known = _Known(await asyncio.to_thread(self._look_up, endpoint), read_at)
        if known.secrets:  # an unknown endpoint is not remembered: it may be made at any moment
            self._known[endpoint] = known
            self._known.move_to_end(endpoint)
        else:
            self._known.pop(endpoint, None)
        while len(self._known) > self._remembers:
            self._known.popitem(last=False)
        return known


def _sender(body: bytes) -> str:
    try:
        return str(_ENVELOPE.decode(body).installation.uuid)
    except (msgspec.DecodeError, UnicodeDecodeError):  # it is stored all the same; processing says what is wrong
        return ""


def _look_up(endpoint: str) -> Secrets:
    close_old_connections()
    try:
        secrets = _secrets_of(endpoint)
    finally:
        close_old_connections()
    try:
        remembered.remember(endpoint, secrets)
    except OSError:  # a full disk costs this, not the delivery
        log.exception("sentry.secrets_not_remembered", endpoint=endpoint)
    return secrets


def _secrets_of(endpoint: str) -> Secrets:
    app = SentryApp.objects.filter(key=endpoint).first()
    if app is not None:
        return tuple(filter(None, [app.client_secret, unseal(app, "previous_client_secret_sealed")]))
    connection = connection_at(endpoint)
    return tuple(filter(None, [unseal(connection, "client_secret_sealed")])) if connection else ()


def connection_at(endpoint: str) -> Connection | None:
    """Return the connection made with an internal integration whose webhooks come to this address."""
    try:
        id_ = UUID(endpoint)
    except ValueError:
        return None
    return Connection.objects.filter(pk=id_, mode=Mode.INTERNAL, archived_at=None).first()
