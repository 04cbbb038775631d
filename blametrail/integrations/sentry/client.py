"""The only module that talks HTTP to Sentry; it returns our types and names each failure after who must act."""

import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import jwt
import msgspec

from blametrail.integrations.sentry.grants import Answer, Grant, error_words

# Sentry's token endpoint has been seen to take 15 s before it answers (getsentry/sentry 121422).
TOKEN_TIMEOUT = timedelta(seconds=30)
API_TIMEOUT = timedelta(seconds=15)
CONNECT_TIMEOUT = timedelta(seconds=10)
JWT_GRANT = "urn:sentry:params:oauth:grant-type:jwt-bearer"  # "sentry", not "ietf": Sentry's own spelling
JWT_LASTS = timedelta(seconds=60)  # as in Sentry's documentation
CLOCKS_DIFFER = timedelta(seconds=10)
LARGEST_ANSWER = 8 * 1024 * 1024  # a page of 100 projects is about 300 kB; anything beyond is no API answer
MOST_PAGES = 50  # 5,000 projects; a server that always says there is more must not keep us for ever

T = TypeVar("T")


class SentryError(Exception):
    """Sentry did not do what was asked. ``str()`` says why, in words for an admin."""


class Unavailable(SentryError):
    """Try later: no answer, too many requests, a fault of Sentry's, or an answer that makes no sense."""

    def __init__(self, why: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class Unauthorized(SentryError):
    """The token is not accepted: expired, replaced or revoked."""


class Forbidden(SentryError):
    """The token is good but may not do this: a permission is missing, or the app is not installed there."""


class NotFound(SentryError):
    """Sentry knows no such thing."""


class Rejected(SentryError):
    """Sentry understood and says the request itself is wrong."""


@dataclass(frozen=True)
class App:
    """Our registration, as far as a request needs it."""

    base_url: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:  # the secret must never reach a log line
        return f"App({self.base_url!r})"


@dataclass(frozen=True)
class Installation:
    uuid: uuid.UUID
    status: str
    app_slug: str
    organization_slug: str
    organization_id: str


@dataclass(frozen=True)
class Organization:
    id: str
    slug: str
    name: str


@dataclass(frozen=True)
class Project:
    id: str
    slug: str
    name: str
    platform: str


# --- tokens -----------------------------------------------------------------------------------------------------


def ask_for_tokens(app: App, installation: uuid.UUID, grant: Grant, *, secret: str = "", now: datetime) -> Answer:
    """Ask the token endpoint for a pair and return whatever came back. Never raises for what Sentry does.

    ``secret`` is the grant code or the refresh token. See Sentry's "OAuth process" documentation.
    """
    address = f"{app.base_url}/api/0/sentry-app-installations/{installation}/authorizations/"
    try:
        reply = _ask(address, app, grant, secret=secret, now=now)
        if grant is Grant.JWT and reply.status == 401:
            # A JWT is short-lived, so clocks that differ make it invalid. Nothing was spent: sign by Sentry's clock.
            their_now = _date_of(reply)
            if their_now and abs(their_now - now) > CLOCKS_DIFFER:
                reply = _ask(address, app, grant, secret=secret, now=their_now)
    except Unavailable as error:
        return Answer(status=None, trouble=str(error))
    return Answer(status=reply.status, body=reply.body, retry_after=_retry_after(reply.headers, now=now))


def _ask(address: str, app: App, grant: Grant, *, secret: str, now: datetime) -> "_Reply":
    headers, body = _token_request(app, grant, secret=secret, now=now)
    return _send("POST", address, timeout=TOKEN_TIMEOUT, json=body, headers=headers)


def _date_of(reply: "_Reply") -> datetime | None:
    try:
        return parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None


def _token_request(app: App, grant: Grant, *, secret: str, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
    if grant is Grant.JWT:
        claims = {
            "iss": app.client_id,
            "sub": app.client_id,
            "iat": int(now.timestamp()),
            "exp": int((now + JWT_LASTS).timestamp()),
            "jti": str(uuid.uuid4()),
        }
        token = jwt.encode(claims, app.client_secret, algorithm="HS256")
        return {"Authorization": f"Bearer {token}"}, {"grant_type": JWT_GRANT}
    name, kind = {
        Grant.CODE: ("code", "authorization_code"),
        Grant.REFRESH: ("refresh_token", "refresh_token"),
    }[grant]
    credentials = {"client_id": app.client_id, "client_secret": app.client_secret}
    return {}, {"grant_type": kind, name: secret, **credentials}


# --- the API ----------------------------------------------------------------------------------------------------


class _Named(msgspec.Struct):
    slug: str = ""
    id: str | int | None = None
    name: str | None = None


class _InstallationBody(msgspec.Struct):
    uuid: uuid.UUID
    organization: _Named
    app: _Named
    status: str = ""


class _ProjectBody(msgspec.Struct):
    id: str | int
    slug: str
    name: str | None = None
    platform: str | None = None


class _OrganizationBody(msgspec.Struct):
    id: str | int
    slug: str
    name: str | None = None


class Session:
    """Calls to one Sentry with one access token. Every method raises a SentryError when it cannot keep its word."""

    def __init__(self, base_url: str, access_token: str) -> None:
        self._base_url = base_url
        self._headers = {"Authorization": f"Bearer {access_token}"}

    def installation(self, installation: uuid.UUID) -> Installation:
        """Return the installation as Sentry knows it."""
        return _installation(self._call("GET", f"/api/0/sentry-app-installations/{installation}/"))

    def mark_installed(self, installation: uuid.UUID) -> Installation:
        """Tell Sentry that the install is verified; until then it sends no webhooks but the installation's own."""
        body = {"status": "installed"}
        return _installation(self._call("PUT", f"/api/0/sentry-app-installations/{installation}/", body=body))

    def uninstall(self, installation: uuid.UUID) -> None:
        """Ask Sentry to remove the installation. Forbidden where the app's scopes do not reach that far."""
        self._call("DELETE", f"/api/0/sentry-app-installations/{installation}/")

    def organization(self, id_or_slug: str) -> Organization:
        """Return a Sentry organization's id, slug and name."""
        answer = self._call("GET", f"/api/0/organizations/{quote(id_or_slug, safe='')}/")
        body = _decode(answer, _OrganizationBody)
        return Organization(id=str(body.id), slug=body.slug, name=body.name or body.slug)

    def projects(self, organization: str) -> Iterator[Project]:
        """Yield every project of the organization, page by page."""
        path = f"/api/0/organizations/{quote(organization, safe='')}/projects/"
        cursor = ""
        for _page in range(MOST_PAGES):
            query = {"per_page": "100"} | ({"cursor": cursor} if cursor else {})
            answer = self._call("GET", path, query=query)
            for body in _decode(answer, list[_ProjectBody]):
                yield Project(
                    id=str(body.id), slug=body.slug, name=body.name or body.slug, platform=body.platform or ""
                )
            cursor = _next_cursor(answer)
            if not cursor:
                return

    def _call(self, method: str, path: str, *, body: Any = None, query: dict[str, str] | None = None) -> "_Reply":
        reply = _send(
            method,
            self._base_url + path,
            timeout=API_TIMEOUT,
            headers=self._headers,
            json=body,
            params=query,
        )
        _raise_for(reply)
        return reply


# --- HTTP -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: httpx.Headers
    body: bytes
    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def _send(method: str, address: str, *, timeout: timedelta, **request: Any) -> _Reply:
    """Return the answer, bounded in size and in time as a whole. Raises Unavailable when there is none."""
    deadline = time.monotonic() + timeout.total_seconds()
    body = bytearray()
    try:
        with _http(timeout) as http, http.stream(method, address, **request) as response:
            for chunk in response.iter_bytes():
                body += chunk
                # The library's limit is for one read; a peer that sends a byte now and then would never end.
                if len(body) > LARGEST_ANSWER or time.monotonic() > deadline:
                    raise Unavailable("Sentry's answer was too large or too slow to be read.")
            return _Reply(response.status_code, response.headers, bytes(body), response.links)  # type: ignore[arg-type]  # httpx types a link's values as str | None
    except httpx.HTTPError as error:
        raise Unavailable(_trouble(error)) from None


def _http(timeout: timedelta) -> httpx.Client:
    # A client for each call, since a shared one would carry one tenant's cookies into another's request.
    # Redirects are not followed: a token goes only to the host that the operator configured.
    return httpx.Client(
        timeout=httpx.Timeout(timeout.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds()),
        follow_redirects=False,
        headers={"User-Agent": "BlameTrail", "Accept": "application/json"},
        verify=_tls(),
    )


@cache
def _tls() -> ssl.SSLContext:
    """Return the one TLS context: reading the certificate store for each call takes tens of milliseconds."""
    return httpx.create_ssl_context()


def _raise_for(reply: _Reply) -> None:
    if 200 <= reply.status < 300:
        return
    words = error_words(reply.body)
    said = f"Sentry answered {reply.status}" + (f": {words}" if words else "")
    if reply.status == 400:
        raise Rejected(said)
    kinds = {401: Unauthorized, 403: Forbidden, 404: NotFound}
    if reply.status in kinds:
        raise kinds[reply.status](said)
    raise Unavailable(said, retry_after=_retry_after(reply.headers, now=datetime.now(UTC)))


def _installation(reply: _Reply) -> Installation:
    body = _decode(reply, _InstallationBody)
    return Installation(
        uuid=body.uuid,
        status=body.status,
        app_slug=body.app.slug,
        organization_slug=body.organization.slug,
        organization_id=str(body.organization.id or ""),
    )


def _decode(reply: _Reply, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unavailable("Sentry's answer could not be read; it was not the JSON it promises.") from None


def _next_cursor(reply: _Reply) -> str:
    """Return the cursor of the next page, empty at the end: rel="next" is always there, results says the truth."""
    following = reply.links.get("next", {})
    return str(following.get("cursor", "")) if following.get("results") == "true" else ""


def _retry_after(headers: httpx.Headers, *, now: datetime) -> timedelta | None:
    """Return how long Sentry asks us to wait: Retry-After in seconds, or its own reset time in epoch seconds."""
    try:
        if "retry-after" in headers:
            return min(timedelta(seconds=float(headers["retry-after"])), timedelta(hours=1))
        if headers.get("x-sentry-rate-limit-remaining") == "0":
            reset = datetime.fromtimestamp(float(headers["x-sentry-rate-limit-reset"]), UTC)
            return min(max(reset - now, timedelta(seconds=1)), timedelta(hours=1))
    except (KeyError, ValueError, OverflowError):
        pass  # an HTTP date, or nonsense: our own backoff is good enough
    return None


def _trouble(error: httpx.HTTPError) -> str:
    """Return a network failure in words; never the exception's own text, which may quote an address with a code."""
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return "Sentry could not be reached."
    if isinstance(error, httpx.TimeoutException):
        return "Sentry did not answer in time."
    return "The connection to Sentry broke before it answered."


def external_install_address(base_url: str, app_slug: str, *, state: str) -> str:
    """Return the page of Sentry where a person picks an organization; it hands ``state`` back to us unchanged."""
    return f"{base_url}/sentry-apps/{quote(app_slug, safe='')}/external-install/?state={quote(state, safe='')}"


def host_of(base_url: str) -> str:
    return urlsplit(base_url).netloc
