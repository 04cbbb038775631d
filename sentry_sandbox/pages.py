"""The pages a person sees: Sentry's install and issue pages, and the sandbox's own control page."""

from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sentry_sandbox import installs, views
from sentry_sandbox.config import Generation
from sentry_sandbox.delivery import Sender
from sentry_sandbox.event_shapes import event_shape
from sentry_sandbox.nouns import Organization
from sentry_sandbox.world import World

NEWEST_SHOWN = 30

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

_PERMISSION_NAMES = {
    "event": "Issue & Event",
    "org": "Organization",
    "project": "Project",
    "team": "Team",
    "member": "Member",
    "alerts": "Alerts",
}


def render(template: str, status: int = 200, **facts: object) -> HTMLResponse:
    return HTMLResponse(_templates.get_template(template).render(**facts), status_code=status)


def not_found_page() -> str:
    return _templates.get_template("message.html").render(
        heading="Page not found",
        text="The sandbox has nothing at this address.",
        back="/",
        back_text="Control page",
    )


def permissions(scopes: tuple[str, ...]) -> list[str]:
    """Say what the scopes allow as the install page does: "Project: Read, Releases"."""
    levels: dict[str, list[str]] = {}
    for scope in sorted(scopes):
        noun, _, level = scope.partition(":")
        levels.setdefault(_PERMISSION_NAMES.get(noun, noun.capitalize()), []).append(level.capitalize())
    return [f"{noun}: {', '.join(them)}" for noun, them in levels.items()]


async def show_external_install(request: Request) -> Response:
    world = _world(request)
    if request.path_params["slug"] != world.config.app_slug:
        return HTMLResponse(not_found_page(), status_code=404)
    return _install_page(world, chosen=world.find_organization(request.query_params.get("organization", "")))


async def accept_external_install(request: Request) -> Response:
    world = _world(request)
    form = await request.form()
    chosen = world.find_organization(str(form.get("organization", "")))
    if chosen is None:
        return _install_page(world, chosen=None, error="Select an organization first.", status=400)
    state = request.query_params.get("state") if world.config.install_page_passes_state else None
    return _accept(request, chosen, state)


async def show_settings_install(request: Request) -> Response:
    world = _world(request)
    chosen = world.find_organization(request.path_params["organization"])
    if chosen is None or request.path_params["slug"] != world.config.app_slug:
        return HTMLResponse(not_found_page(), status_code=404)
    return _install_page(world, chosen=chosen, is_inside=True)


async def accept_settings_install(request: Request) -> Response:
    """An install begun inside Sentry knows no state."""
    chosen = _world(request).find_organization(request.path_params["organization"])
    if chosen is None:
        return HTMLResponse(not_found_page(), status_code=404)
    return _accept(request, chosen, None)


async def show_cancelled(request: Request) -> Response:
    world = _world(request)
    redirect = urlsplit(world.config.redirect_url or "")
    back = f"{redirect.scheme}://{redirect.netloc}/" if redirect.netloc else "/"
    return render(
        "message.html",
        heading="Installation cancelled",
        text=f"{world.config.app_name} was not installed, and nothing was shared.",
        back=back,
        back_text=f"Back to {world.config.app_name}",
    )


async def show_issue(request: Request) -> Response:
    world = _world(request)
    issue = world.find_issue(request.path_params["issue"])
    if issue is None or issue.organization.slug != request.path_params["organization"]:
        return HTMLResponse(not_found_page(), status_code=404)
    event = event_shape(world, issue, issue.events[-1])
    frames = event["entries"][0]["data"]["values"][0]["stacktrace"]["frames"]
    return render("issue.html", issue=views.issue_view(issue), event=event, frames=frames[::-1])


async def show_control(request: Request) -> Response:
    world, sender = _world(request), _sender(request)
    attempts = [views.attempt_view(it) for it in sender.log][::-1]
    return render(
        "control.html",
        state=views.state_view(world),
        generations=list(Generation),
        grants=views.grants_view(world)[::-1][:NEWEST_SHOWN],
        webhooks=attempts[:NEWEST_SHOWN],
    )


def _install_page(
    world: World,
    *,
    chosen: Organization | None,
    is_inside: bool = False,
    error: str | None = None,
    status: int = 200,
) -> Response:
    return render(
        "install.html",
        status,
        app=world.config,
        permissions=permissions(world.config.scopes),
        organizations=world.organizations,
        installed=[it.organization.slug for it in world.installations.values()],
        chosen=chosen,
        is_inside=is_inside,
        person=world.person,
        error=error or (_obstacle(world, chosen) if chosen else None),
    )


def _obstacle(world: World, organization: Organization) -> str | None:
    name = world.config.app_name
    if not installs.may_install(world, organization):
        return f"{name} is an unpublished integration for another organization."
    if world.find_installation_in(organization):
        return f"{organization.name} already has {name} installed. Accepting returns the same installation."
    return None


def _accept(request: Request, organization: Organization, state: str | None) -> Response:
    world = _world(request)
    if not installs.may_install(world, organization):
        return _install_page(world, chosen=organization, status=404)
    installation, said = installs.install(world, organization)
    _sender(request).send(said)
    return RedirectResponse(installs.redirect_target(world, installation, state), status_code=302)


def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


def _sender(request: Request) -> Sender:
    sender: Sender = request.app.state.sender
    return sender


ROUTES = [
    Route("/", show_control),
    Route("/sentry-apps/{slug}/external-install/", show_external_install, methods=["GET"]),
    Route("/sentry-apps/{slug}/external-install/", accept_external_install, methods=["POST"]),
    Route("/settings/{organization}/sentry-apps/{slug}/", show_settings_install, methods=["GET"]),
    Route("/settings/{organization}/sentry-apps/{slug}/", accept_settings_install, methods=["POST"]),
    Route("/installation-cancelled/", show_cancelled),
    Route("/organizations/{organization}/issues/{issue}/", show_issue),
    Route("/organizations/{organization}/issues/{issue}/events/{event}/", show_issue),
]
