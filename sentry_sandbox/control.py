"""The control API: makes things happen that people, SDKs and bad luck would do at a real Sentry."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sentry_sandbox import commands, installs, issues, metric_alerts, seeds, tokens, views
from sentry_sandbox.announcements import Announcement
from sentry_sandbox.calls import read_fields
from sentry_sandbox.delivery import Sender
from sentry_sandbox.faults import BadRuleError, Fault
from sentry_sandbox.nouns import Comment, Installation, Issue, Organization, Person, Project, Team
from sentry_sandbox.pages import render
from sentry_sandbox.world import World

Given = TypeVar("Given", bound=msgspec.Struct)
Reply = dict[str, object]

_SECTIONS = {
    "errors": "issues",
    "metric-alerts": "webhooks",
    "tokens": "installations",
    "grants": "installations",
    "generation": "settings",
    "token-life": "settings",
    "app": "settings",
    "reset": "settings",
}


class UnknownError(LookupError):
    """The control API was asked about something that is not there."""


@dataclass(frozen=True)
class Desk:
    """What a control verb works with."""

    world: World
    sender: Sender
    seed: Callable[[World], None]
    path: dict[str, str]

    def say(self, announcements: list[Announcement]) -> None:
        self.sender.send(announcements)

    def organization(self, slug: str | None = None) -> Organization:
        wanted = slug or self.path["organization"]
        return _known(next((it for it in self.world.organizations if it.slug == wanted), None), wanted)

    def project(self, organization: Organization, slug: str | None = None) -> Project:
        wanted = slug or self.path["project"]
        return _known(next((it for it in organization.projects if it.slug == wanted), None), wanted)

    def place(self, organization_slug: str, project_slug: str) -> tuple[Organization, Project]:
        first, slash, second = project_slug.partition("/")
        slugs = (first, second) if slash else (organization_slug, project_slug)
        organization = self.organization(slugs[0])
        return organization, self.project(organization, slugs[1])

    def issue(self) -> Issue:
        return _known(self.world.find_issue(self.path["issue"]), self.path["issue"])

    def installation(self, uuid: str) -> Installation:
        return _known(self.world.installations.get(uuid), uuid)


Thing = TypeVar("Thing")


def _known(thing: Thing | None, wanted: str) -> Thing:
    if thing is None:
        raise UnknownError(f"there is no {wanted}")
    return thing


async def show_state(desk: Desk, _: commands.Nothing) -> Reply:
    return views.state_view(desk.world)


async def reset(desk: Desk, _: commands.Nothing) -> Reply:
    await desk.sender.forget()
    desk.world.clear()
    desk.seed(desk.world)
    return {}


async def make_errors(desk: Desk, command: commands.MakeErrors) -> Reply:
    organization, project = desk.place(command.organization, command.project)
    report = issues.ErrorReport(
        title=command.title,
        level=command.level,
        environment=command.environment,
        user=command.user,
        release=command.release,
    )
    for _ in range(command.times):
        issue, said = issues.record_error(desk.world, organization, project, report)
        desk.say(said)
    events = [event.id for event in issue.events[-command.times :]]
    return {"issue": views.issue_view(issue), "events": events}


async def resolve(desk: Desk, command: commands.Resolve) -> Reply:
    issue, actor = desk.issue(), issues.acting_person(desk.world)
    desk.say(issues.resolve(desk.world, issue, actor, how=command.how, release=command.release))
    return {"issue": views.issue_view(issue)}


async def archive(desk: Desk, command: commands.Archive) -> Reply:
    issue, actor = desk.issue(), issues.acting_person(desk.world)
    desk.say(issues.archive(desk.world, issue, actor, substatus=command.substatus))
    return {"issue": views.issue_view(issue)}


async def unresolve(desk: Desk, _: commands.Nothing) -> Reply:
    issue = desk.issue()
    desk.say(issues.unresolve(desk.world, issue, issues.acting_person(desk.world)))
    return {"issue": views.issue_view(issue)}


async def assign(desk: Desk, command: commands.Assign) -> Reply:
    issue = desk.issue()
    assignees: dict[str, Person | Team] = {"me": desk.world.person, "team": issue.organization.team}
    desk.say(issues.assign(desk.world, issue, issues.acting_person(desk.world), assignees.get(command.to)))
    return {"issue": views.issue_view(issue)}


async def add_comment(desk: Desk, command: commands.WriteComment) -> Reply:
    note, said = issues.comment(desk.world, desk.issue(), issues.acting_person(desk.world), command.text)
    desk.say(said)
    return {"comment": note.id}


async def edit_comment(desk: Desk, command: commands.WriteComment) -> Reply:
    issue, note = _comment(desk)
    desk.say(issues.edit_comment(desk.world, issue, issues.acting_person(desk.world), note, command.text))
    return {"comment": note.id}


async def delete_comment(desk: Desk, _: commands.Nothing) -> Reply:
    issue, note = _comment(desk)
    desk.say(issues.delete_comment(desk.world, issue, issues.acting_person(desk.world), note))
    return {"comment": note.id}


def _comment(desk: Desk) -> tuple[Issue, Comment]:
    issue, wanted = desk.issue(), desk.path["comment"]
    return issue, _known(next((it for it in issue.comments if str(it.id) == wanted), None), wanted)


async def make_metric_alert(desk: Desk, command: commands.MakeMetricAlert) -> Reply:
    organization, project = desk.place(command.organization, command.project)
    if command.level not in metric_alerts.STATUSES:
        raise UnknownError(f"there is no level {command.level}")
    alert = metric_alerts.MetricAlert(command.name, command.level)
    desk.say(metric_alerts.announce(desk.world, organization, project, alert))
    return {}


async def add_organization(desk: Desk, command: commands.AddOrganization) -> Reply:
    organization = desk.world.add_organization(command.slug, command.name or command.slug, alerts=command.alerts)
    for slug in command.projects:
        desk.world.add_project(organization, slug)
    return {"organization": views.organization_view(desk.world, organization)}


async def rename_organization(desk: Desk, command: commands.Rename) -> Reply:
    organization = desk.organization()
    commands.apply_changes(organization, command)
    return {"organization": views.organization_view(desk.world, organization)}


async def set_alerts(desk: Desk, command: commands.SetAlerts) -> Reply:
    organization = desk.organization()
    organization.alerts = organization.alerts if command.alerts is None else command.alerts
    organization.alert_rule.name = command.rule or organization.alert_rule.name
    organization.alert_rule.settings = command.settings
    return {"organization": views.organization_view(desk.world, organization)}


async def add_project(desk: Desk, command: commands.AddProject) -> Reply:
    project = desk.world.add_project(desk.organization(), command.slug, command.platform)
    return {"project": views.project_view(project)}


async def rename_project(desk: Desk, command: commands.Rename) -> Reply:
    project = desk.project(desk.organization())
    commands.apply_changes(project, command)
    return {"project": views.project_view(project)}


async def add_release(desk: Desk, command: commands.AddRelease) -> Reply:
    project = desk.project(desk.organization())
    seeds.add_release(desk.world, project, command.version)
    return {"project": views.project_view(project)}


async def install(desk: Desk, command: commands.Install) -> Reply:
    organization = desk.organization(command.organization)
    if not installs.may_install(desk.world, organization):
        raise UnknownError(f"an unpublished app cannot be installed on {organization.slug}")
    installation, said = installs.install(desk.world, organization)
    desk.say(said)
    state = command.state if desk.world.config.install_page_passes_state else None
    target = installs.redirect_target(desk.world, installation, state)
    return {"installation": views.installation_view(installation), "redirect": target}


async def uninstall(desk: Desk, _: commands.Nothing) -> Reply:
    installation = desk.installation(desk.path["installation"])
    actor = issues.acting_person(desk.world)
    await desk.sender.send_now(installs.uninstall(desk.world, installation, actor))
    return {}


async def set_token_life(desk: Desk, command: commands.SetTokenLife) -> Reply:
    commands.apply_changes(desk.world.config, _TokenLife(command.seconds))
    return {}


class _TokenLife(msgspec.Struct):
    token_life_seconds: float


async def expire_tokens(desk: Desk, command: commands.Of) -> Reply:
    tokens.expire_access_token(desk.world, desk.installation(command.installation))
    return {}


async def expire_grant(desk: Desk, command: commands.Of) -> Reply:
    tokens.expire_grant(desk.world, desk.installation(command.installation))
    return {}


async def change_settings(desk: Desk, command: commands.SetGeneration | commands.SetApp) -> Reply:
    commands.apply_changes(desk.world.config, command)
    return views.config_view(desk.world)


async def set_webhooks(desk: Desk, command: commands.SetWebhooks) -> Reply:
    commands.apply_changes(desk.world.config.webhooks, command)
    return views.config_view(desk.world)


async def add_fault(desk: Desk, command: commands.MakeFault) -> Reply:
    fault = Fault(command.on, command.do, command.times, command.installation, command.headers)
    desk.world.faults.rules.append(fault)
    return {"faults": views.faults_view(desk.world)}


async def list_faults(desk: Desk, _: commands.Nothing) -> Reply:
    return {"faults": views.faults_view(desk.world)}


async def clear_faults(desk: Desk, _: commands.Nothing) -> Reply:
    desk.world.faults.rules.clear()
    return {"faults": []}


async def list_grants(desk: Desk, _: commands.Nothing) -> Reply:
    return {"grants": views.grants_view(desk.world)}


async def list_webhooks(desk: Desk, _: commands.Nothing) -> Reply:
    return {"webhooks": [views.attempt_view(it) for it in desk.sender.log]}


async def replay(desk: Desk, command: commands.Replay) -> Reply:
    attempt = _known(await desk.sender.replay(command.id, exact=command.exact), str(command.id))
    return {"webhook": views.attempt_view(attempt)}


async def settle(desk: Desk, command: commands.Settle) -> Reply:
    """Wait until no delivery is on its way."""
    return {"settled": await desk.sender.settle(command.seconds, with_retries=command.with_retries)}


def _endpoint(
    kind: type[Given], verb: Callable[[Desk, Given], Awaitable[Reply]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if _is_foreign(request):
            return JSONResponse({"error": "cross-origin requests are refused"}, status_code=403)
        content_type = request.headers.get("Content-Type", "")
        is_form = content_type.startswith("application/x-www-form-urlencoded")
        fields = read_fields(await request.body(), content_type, takes_forms=True) or {}
        state = request.app.state
        desk = Desk(state.world, state.sender, state.seed, request.path_params)
        try:
            reply = await verb(desk, commands.parse(kind, _without_blanks(fields) if is_form else fields))
        except UnknownError as error:
            return _decline(str(error), 404, is_form=is_form)
        except (msgspec.ValidationError, BadRuleError) as error:
            return _decline(str(error), 400, is_form=is_form)
        return RedirectResponse(_way_back(request), status_code=303) if is_form else JSONResponse(reply)

    return endpoint


def _decline(reason: str, status: int, *, is_form: bool) -> Response:
    if is_form:
        return render("message.html", status, heading="Not done", text=reason, back="/", back_text="Control page")
    return JSONResponse({"error": reason}, status_code=status)


def _way_back(request: Request) -> str:
    """The page a form was on, at the section it concerns."""
    page = urlsplit(request.headers.get("Referer", "")).path or "/"
    subject = request.url.path.split("/")[2]
    return f"{page}#{_SECTIONS.get(subject, subject)}"


def _is_foreign(request: Request) -> bool:
    # Any site open in the same browser could otherwise press these buttons.
    origin = request.headers.get("Origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("Host")


def _without_blanks(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value != ""}


def _get(path: str, verb: Callable[[Desk, commands.Nothing], Awaitable[Reply]]) -> Route:
    return Route(f"/_control/{path}", _endpoint(commands.Nothing, verb), methods=["GET"])


def _post(path: str, kind: type[Given], verb: Callable[[Desk, Given], Awaitable[Reply]]) -> Route:
    return Route(f"/_control/{path}", _endpoint(kind, verb), methods=["POST"])


_ORGANIZATION = "organizations/{organization}"
_PROJECT = f"{_ORGANIZATION}/projects/{{project}}"
_ISSUE = "issues/{issue}"
_COMMENT = f"{_ISSUE}/comments/{{comment}}"

ROUTES = [
    _get("state", show_state),
    _post("reset", commands.Nothing, reset),
    _post("errors", commands.MakeErrors, make_errors),
    _post(f"{_ISSUE}/resolve", commands.Resolve, resolve),
    _post(f"{_ISSUE}/archive", commands.Archive, archive),
    _post(f"{_ISSUE}/unresolve", commands.Nothing, unresolve),
    _post(f"{_ISSUE}/assign", commands.Assign, assign),
    _post(f"{_ISSUE}/comments", commands.WriteComment, add_comment),
    _post(f"{_COMMENT}/edit", commands.WriteComment, edit_comment),
    _post(f"{_COMMENT}/delete", commands.Nothing, delete_comment),
    _post("metric-alerts", commands.MakeMetricAlert, make_metric_alert),
    _post("organizations", commands.AddOrganization, add_organization),
    _post(f"{_ORGANIZATION}/rename", commands.Rename, rename_organization),
    _post(f"{_ORGANIZATION}/alerts", commands.SetAlerts, set_alerts),
    _post(f"{_ORGANIZATION}/projects", commands.AddProject, add_project),
    _post(f"{_PROJECT}/rename", commands.Rename, rename_project),
    _post(f"{_PROJECT}/releases", commands.AddRelease, add_release),
    _post("installations", commands.Install, install),
    _post("installations/{installation}/uninstall", commands.Nothing, uninstall),
    _post("token-life", commands.SetTokenLife, set_token_life),
    _post("tokens/expire", commands.Of, expire_tokens),
    _post("grants/expire", commands.Of, expire_grant),
    _get("grants", list_grants),
    _post("generation", commands.SetGeneration, change_settings),
    _post("app", commands.SetApp, change_settings),
    _get("faults", list_faults),
    _post("faults", commands.MakeFault, add_fault),
    Route("/_control/faults", _endpoint(commands.Nothing, clear_faults), methods=["DELETE"]),
    _post("faults/clear", commands.Nothing, clear_faults),
    _get("webhooks", list_webhooks),
    _post("webhooks", commands.SetWebhooks, set_webhooks),
    _post("webhooks/replay", commands.Replay, replay),
    _post("webhooks/settle", commands.Settle, settle),
]
