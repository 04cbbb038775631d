"""Sentry's REST addresses for installations, tokens and external issue links."""

from html import escape

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sentry_sandbox import installs
from sentry_sandbox.calls import Answer, Call, Operation, read_fields, route
from sentry_sandbox.nouns import ExternalIssue, GrantRecord, Installation, Issue
from sentry_sandbox.refusals import Refusal, detail, no_permission, no_such_resource
from sentry_sandbox.shapes import app_shape, installation_shape, token_shape
from sentry_sandbox.tokens import GrantRequest, no_such_installation, trade
from sentry_sandbox.world import World


async def trade_grant(request: Request) -> Response:
    """The token endpoint; every request to it is kept in the grant log."""
    world: World = request.app.state.world
    raw, content_type = await request.body(), request.headers.get("Content-Type", "")
    fields = read_fields(raw, content_type, takes_forms=not world.config.is_older)
    grant = GrantRequest(request.path_params["uuid"], fields, request.headers.get("Authorization"))
    outcome: list[Response] = []

    async def perform() -> Response:
        outcome.append(_trade(world, grant))
        return outcome[0]

    fault = world.faults.take(grant.kind, grant.installation_uuid)
    response = await (fault.spoil(perform) if fault else perform())
    traded = outcome[0] if outcome else None
    world.record_grant(
        GrantRecord(
            at=world.now(),
            kind=grant.kind,
            installation=grant.installation_uuid,
            status=traded.status_code if traded else response.status_code,
            granted=traded is not None and traded.status_code == 201,
            fault=fault.do if fault else None,
            detail=None if traded is None or traded.status_code == 201 else bytes(traded.body).decode(),
        )
    )
    return response


def _trade(world: World, grant: GrantRequest) -> Response:
    try:
        pair = trade(world, grant)
    except Refusal as refusal:
        return JSONResponse(refusal.body, status_code=refusal.status, headers=refusal.headers)
    return JSONResponse(token_shape(pair, (grant.fields or {}).get("state")), status_code=201)


def create_installation(call: Call) -> Answer:
    organization = call.organization("org:integrations", "org:write", "org:admin")
    if call.fields.get("slug") != call.world.config.app_slug or not installs.may_install(call.world, organization):
        return Answer({}, status=404)
    installation, call_said = installs.install(call.world, organization)
    call.said += call_said
    return Answer(installation_shape(call.world, installation))


def list_installations(call: Call) -> Answer:
    if call.pair and call.world.config.is_older:
        raise no_such_resource()
    organization = call.organization("org:read", "org:integrations", "org:write", "org:admin")
    found = call.world.find_installation_in(organization)
    return Answer([_shape(call, found)] if found else [])


def show_installation(call: Call) -> Answer:
    installation = _installation(call)
    call.need("org:read", "org:integrations", "org:write", "org:admin")
    return Answer(_shape(call, installation))


def update_installation(call: Call) -> Answer:
    installation = _installation(call)
    if call.pair is None:
        raise no_permission()
    installs.verify(installation, call.fields)
    return Answer(_shape(call, installation))


def delete_installation(call: Call) -> Answer:
    installation = _installation(call)
    call.need("org:integrations", "org:write", "org:admin")
    call.said.append(installs.uninstall(call.world, installation, call.actor))
    return Answer(None, status=204)


def show_app(call: Call) -> Answer:
    if call.path["slug"] != call.world.config.app_slug:
        raise no_such_resource()
    return Answer(app_shape(call.world))


def link_external_issue(call: Call) -> Answer:
    installation = _installation(call)
    call.need("event:write", "event:admin")
    missing = [it for it in ("issueId", "webUrl", "project", "identifier") if not call.fields.get(it)]
    if missing:
        raise Refusal(400, {name: ["This field is required."] for name in missing})
    issue = call.world.find_issue(str(call.fields["issueId"]))
    if issue is None or issue.organization is not installation.organization:
        raise detail(404, "Could not find the corresponding issue for the given issueId")
    number = issue.external.id if issue.external else call.world.next_id()
    texts = [str(call.fields[name]) for name in ("webUrl", "project", "identifier")]
    issue.external = ExternalIssue(number, *texts)
    return Answer(_external_shape(call.world, issue))


def unlink_external_issue(call: Call) -> Answer:
    _installation(call)
    call.need("event:admin")
    for issue in call.world.issues:
        if issue.external and str(issue.external.id) == call.path["link"]:
            issue.external = None
            return Answer(None, status=204)
    raise no_such_resource()


def list_external_issues(call: Call) -> Answer:
    organization = call.organization("event:read", "event:write", "event:admin")
    issue = call.world.find_issue(call.path["issue"])
    if issue is None or issue.organization is not organization:
        raise no_such_resource()
    return Answer([_external_shape(call.world, issue)] if issue.external else [])


def _installation(call: Call) -> Installation:
    found = call.world.installations.get(call.path["uuid"])
    if found is None:
        raise no_such_installation(call.world)
    return found


def _shape(call: Call, installation: Installation) -> dict[str, object]:
    # On 24.2.0 any token of the app was seen to read any installation's unused code.
    return installation_shape(call.world, installation, with_code=call.pair is None or call.world.config.is_older)


def _external_shape(world: World, issue: Issue) -> dict[str, object]:
    if issue.external is None:
        raise no_such_resource()
    return {
        "id": str(issue.external.id),
        "issueId": str(issue.id),
        "serviceType": world.config.app_slug,
        "displayName": escape(f"{issue.external.project}#{issue.external.identifier}"),
        "webUrl": issue.external.web_url,
    }


_INSTALLATION = "/api/0/sentry-app-installations/{uuid}"

ROUTES = [
    Route(f"{_INSTALLATION}/authorizations/", trade_grant, methods=["POST"]),
    route(
        "/api/0/organizations/{organization}/sentry-app-installations/",
        GET=Operation("installations", list_installations),
        POST=Operation("install_create", create_installation),
    ),
    route(
        f"{_INSTALLATION}/",
        GET=Operation("install_get", show_installation),
        PUT=Operation("install_put", update_installation),
        DELETE=Operation("install_delete", delete_installation),
    ),
    route(f"{_INSTALLATION}/external-issues/", POST=Operation("external_issues", link_external_issue)),
    route(
        f"{_INSTALLATION}/external-issues/{{link}}/",
        DELETE=Operation("external_issues", unlink_external_issue),
    ),
    route(
        "/api/0/organizations/{organization}/issues/{issue}/external-issues/",
        GET=Operation("external_issues", list_external_issues),
    ),
    route("/api/0/sentry-apps/{slug}/", GET=Operation("app", show_app)),
]
