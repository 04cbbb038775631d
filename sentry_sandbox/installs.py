"""Install, verify, uninstall, and what Sentry tells the integration of it."""

import secrets
import uuid
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from sentry_sandbox.announcements import Announcement, envelope
from sentry_sandbox.config import AppStatus
from sentry_sandbox.nouns import GrantCode, Installation, Organization, Person
from sentry_sandbox.refusals import Refusal
from sentry_sandbox.shapes import installation_shape, user_actor
from sentry_sandbox.tokens import revoke
from sentry_sandbox.world import World


def may_install(world: World, organization: Organization) -> bool:
    """An unpublished app installs on the organization that owns it, and nowhere else."""
    return world.config.app_status is AppStatus.PUBLISHED or organization.slug == world.config.owner


def install(world: World, organization: Organization) -> tuple[Installation, list[Announcement]]:
    """Return the organization's installation, a new one with a grant code if there was none."""
    existing = world.find_installation_in(organization)
    if existing:
        return existing, []
    now = world.now()
    installation = Installation(
        uuid=str(uuid.uuid4()),
        organization=organization,
        status="pending" if world.config.verify_install else "installed",
        created_at=now,
        grant=GrantCode(secrets.token_hex(32), now + world.config.grant_life),
    )
    world.installations[installation.uuid] = installation
    return installation, [_created(world, installation, world.person)]


def verify(installation: Installation, fields: dict[str, object]) -> None:
    status = fields.get("status")
    if status != "installed":
        raise Refusal(400, {"status": [f"Invalid value '{status}' for status. Valid values: 'installed'"]})
    installation.status = "installed"


def uninstall(world: World, installation: Installation, actor: dict[str, object]) -> Announcement:
    """Remove the installation; its last notice is sent within the request, once."""
    payload = envelope("deleted", installation, {"installation": installation_shape(world, installation)}, actor)
    del world.installations[installation.uuid]
    # On 24.2.0 the token row was seen to stay and to go on reading other organizations.
    if installation.pair and not world.config.is_older:
        revoke(world, installation.pair)
    return Announcement("installation", "deleted", installation, lambda: payload, is_urgent=True)


def redirect_target(world: World, installation: Installation, state: str | None) -> str:
    """The app's redirect URL with Sentry's parameters merged into its own query, keys sorted."""
    parts = urlsplit(world.config.redirect_url or world.base_url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query |= {"installationId": installation.uuid, "orgSlug": installation.organization.slug}
    if installation.grant:
        query["code"] = installation.grant.code
    if state is not None:
        query["state"] = state
    return urlunsplit(parts._replace(query=urlencode(sorted(query.items()))))


def _created(world: World, installation: Installation, person: Person) -> Announcement:
    def build() -> dict[str, object] | None:
        # Built anew for every attempt: a retry can find it verified, exchanged, or gone.
        if installation.uuid not in world.installations:
            return None
        shape = installation_shape(world, installation)
        return envelope("created", installation, {"installation": shape}, user_actor(person))

    return Announcement("installation", "created", installation, build)
