"""Rules that make the next matching requests go wrong, and how they go wrong."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

TOKEN_OPERATIONS = frozenset({"exchange", "refresh", "jwt", "unknown_grant"})
ACTIONS = frozenset({"status", "status_after_commit", "html", "hang", "slow", "drop", "drop_after_commit", "empty"})
DROP_EXTENSION = "sandbox.drop_connection"
HTTP_STATUSES = range(100, 600)

_BODIES = {
    # Seen at sentry.io for renewals that lost their header inside Sentry's own proxies (sentry#121422).
    401: {"detail": "Header is in invalid form"},
    403: {"detail": "You do not have permission to perform this action."},
    404: {"detail": "The requested resource does not exist"},
    409: {"detail": "Token refresh already in progress"},
    429: {"detail": "You are attempting to use this endpoint too frequently. Limit is 40 requests in 1 seconds"},
}

_GATEWAY_PAGE = """<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>"""


class BadRuleError(ValueError):
    """The rule names no operation, or something a fault cannot do."""


class DropConnection(Response):
    """Close the connection without a byte of an answer."""

    def __init__(self) -> None:
        super().__init__(status_code=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI signature
        scope["extensions"][DROP_EXTENSION]()
        while (await receive())["type"] != "http.disconnect":
            pass


@dataclass
class Fault:
    """`on` is an operation, `token`, `api` or `any`; `times` None means for ever."""

    on: str
    do: str
    times: int | None = 1
    installation: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        action, _, argument = self.do.partition(":")
        if not self.on or action not in ACTIONS:
            raise BadRuleError(f"no such fault: {self.on!r} {self.do!r}")
        try:
            self.number = float(argument or 0)
        except ValueError as error:
            raise BadRuleError(f"not a number: {argument!r}") from error
        self.action = action
        if action.startswith("status") and int(self.number) not in HTTP_STATUSES:
            raise BadRuleError(f"not an HTTP status: {argument!r}")

    def matches(self, operation: str, installation: str | None) -> bool:
        if self.times == 0 or (self.installation and self.installation != installation):
            return False
        family = "token" if operation in TOKEN_OPERATIONS else "api"
        return self.on in {operation, family, "any"}

    async def spoil(self, perform: Callable[[], Awaitable[Response]]) -> Response:
        """Answer badly, and perform the request only where the fault says so."""
        match self.action:
            case "slow":
                await asyncio.sleep(self.number)
                return await perform()
            case "hang":
                await asyncio.sleep(self.number)
                return DropConnection()
            case "drop_after_commit" | "status_after_commit":
                await perform()
            case "html":
                return HTMLResponse(_GATEWAY_PAGE, status_code=502, headers=self.headers)
            case "empty":
                return Response(status_code=200, headers=self.headers)
        return DropConnection() if self.action.startswith("drop") else self._error()

    def _error(self) -> Response:
        status = int(self.number)
        body: Mapping[str, str] = _BODIES.get(status, {"detail": "Internal Error", "errorId": secrets.token_hex(16)})
        headers = {"WWW-Authenticate": 'xBasic realm="api"'} if status == 401 else {}
        return JSONResponse(body, status_code=status, headers=headers | self.headers)


class Faults:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def take(self, operation: str, installation: str | None) -> Fault | None:
        """Return the first rule that fits and use up one of its times."""
        fault = next((rule for rule in self.rules if rule.matches(operation, installation)), None)
        if fault and fault.times is not None:
            fault.times -= 1
        self.rules = [rule for rule in self.rules if rule.times != 0]
        return fault
