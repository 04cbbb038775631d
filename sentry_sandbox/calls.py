"""The way of one API request: read it, let a fault have its say, authenticate, answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sentry_sandbox.announcements import Announcement
from sentry_sandbox.delivery import Sender
from sentry_sandbox.issues import acting_person
from sentry_sandbox.nouns import Organization, Project, TokenPair
from sentry_sandbox.refusals import Refusal, detail, no_permission, no_such_resource
from sentry_sandbox.shapes import app_actor
from sentry_sandbox.world import World

SESSION_COOKIE = "sentrysid"
SESSION_SCOPES = (
    "event:admin", "event:read", "event:write", "org:admin", "org:integrations", "org:read", "org:write",
    "project:read", "project:releases",
)  # fmt: skip


@dataclass
class Call:
    """One authenticated request; `pair` is None when a signed-in person makes it."""

    world: World
    path: Mapping[str, str]
    query: QueryParams
    fields: dict[str, object]
    url: str
    pair: TokenPair | None
    said: list[Announcement] = field(default_factory=list)

    @property
    def actor(self) -> dict[str, object]:
        return app_actor(self.world) if self.pair else acting_person(self.world)

    @property
    def scopes(self) -> tuple[str, ...]:
        return self.pair.scopes if self.pair else SESSION_SCOPES

    def need(self, *scopes: str) -> None:
        """Refuse unless the caller holds one of the scopes."""
        if not set(scopes) & set(self.scopes):
            raise no_permission()

    def organization(self, *scopes: str) -> Organization:
        """Return the organization of the path if the caller may see it.

        A token is good for every organization that has the app: Sentry does not bind
        it to the one it was issued for.
        """
        found = self.world.find_organization(self.path["organization"])
        if found is None:
            raise no_such_resource()
        if self.pair and self.world.find_installation_in(found) is None:
            raise no_permission()
        self.need(*scopes)
        return found

    def project(self, organization: Organization) -> Project:
        found = self.world.find_project(organization, self.path["project"])
        if found is None:
            raise no_such_resource()
        return found


@dataclass(frozen=True)
class Answer:
    body: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """What one method of one address does; the name is what faults are aimed at."""

    name: str
    answer: Callable[[Call], Answer]


def route(address: str, **operations: Operation) -> Route:
    """Serve the operations under their methods; the keywords are HTTP methods."""

    async def endpoint(request: Request) -> Response:
        operation = operations.get(request.method)
        if operation is None:
            body = {"detail": f'Method "{request.method}" not allowed.'}
            return JSONResponse(body, status_code=405, headers={"Allow": ", ".join(operations)})
        return await _serve(request, operation)

    return Route(address, endpoint, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])


async def _serve(request: Request, operation: Operation) -> Response:
    world: World = request.app.state.world
    sender: Sender = request.app.state.sender
    raw = await request.body()

    async def perform() -> Response:
        try:
            call = _open_call(world, request, raw)
            answer = operation.answer(call)
        except Refusal as refusal:
            return JSONResponse(refusal.body, status_code=refusal.status, headers=refusal.headers)
        for announcement in call.said:
            if announcement.is_urgent:
                await sender.send_now(announcement)
        sender.send(it for it in call.said if not it.is_urgent)
        return respond(answer)

    fault = world.faults.take(operation.name, _installation_concerned(world, request))
    return await (fault.spoil(perform) if fault else perform())


def respond(answer: Answer) -> Response:
    if answer.status == 204:
        return Response(status_code=204)
    return JSONResponse(answer.body, status_code=answer.status, headers=dict(answer.headers))


def read_fields(raw: bytes, content_type: str, *, takes_forms: bool) -> dict[str, object] | None:
    """Return the body's fields, or None when there is nothing readable."""
    if takes_forms and content_type.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        fields = json.loads(raw)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _open_call(world: World, request: Request, raw: bytes) -> Call:
    pair = _authenticate(world, request)
    fields = read_fields(raw, "application/json", takes_forms=False)
    if raw and fields is None:
        raise detail(400, "JSON parse error")
    url = str(request.url)
    return Call(world, request.path_params, request.query_params, fields or {}, url, pair)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _authenticate(world: World, request: Request) -> TokenPair | None:
    token = _bearer(request)
    if token is None:
        if SESSION_COOKIE in request.cookies:
            return None
        raise detail(401, "Authentication credentials were not provided.")
    pair = world.find_token(token)
    if pair is None:
        raise detail(401, "Invalid token")
    if pair.expires_at <= world.now():
        raise detail(401, "Token expired")
    return pair


def _installation_concerned(world: World, request: Request) -> str | None:
    if "uuid" in request.path_params:
        return str(request.path_params["uuid"])
    installation = world.installation_of(_bearer(request) or "")
    return installation.uuid if installation else None
