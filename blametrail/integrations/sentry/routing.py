"""Where a webhook belongs: which connection it came through, and which service its project is mapped to."""

from uuid import UUID

from django.db.models import QuerySet

from blametrail.integrations.sentry.facts import Project
from blametrail.integrations.sentry.models import Connection, Mode, ProjectMapping
from blametrail.lib.serialize import serialize


def connection_of(*, endpoint: str, sender: UUID | None) -> Connection | None:
    """Return the connection that a signed webhook came through, connected at the moment or not.

    An internal integration's address belongs to one connection. A Sentry app's is shared by all its installations,
    and its secret vouches for no one else's: an installation is only looked for among that app's.
    """
    connections = Connection.objects.select_related("organization").filter(archived_at=None)
    try:
        own_address = UUID(endpoint)
    except ValueError:
        return _installed(connections.filter(app__key=endpoint), sender) if sender else None
    return connections.filter(pk=own_address, mode=Mode.INTERNAL).first()


def _installed(connections: QuerySet[Connection], sender: UUID) -> Connection | None:
    mine = connections.filter(installation_uuid=sender)
    found = mine.first()
    if found is None:
        # It may be connected at this very moment. Whoever does so under the same lock either lets us find it, or
        # finds that we did not and processes the delivery again.
        serialize(subject_of_installation(sender))
        found = mine.first()
    return found


def subject_of_installation(installation_uuid: UUID) -> str:
    """Return what ``serialize`` is called with by who brings an installation and its waiting deliveries together."""
    return f"sentry-installation:{installation_uuid}"


def mapping_of(connection: Connection, project: Project) -> ProjectMapping | None:
    """Return the project's mapping: by id where one is known, else by slug."""
    mappings = ProjectMapping.objects.select_related("service").filter(connection=connection)
    if not project.id:
        return _by_slug(mappings, project.slug)
    # Behind a known id the slug may have changed hands, so only a slug that was typed is taken for this project.
    return mappings.filter(project_id=project.id).first() or _by_slug(mappings.filter(project_id=""), project.slug)


def _by_slug(mappings: QuerySet[ProjectMapping], slug: str) -> ProjectMapping | None:
    return mappings.filter(project_slug=slug).order_by("-is_active", "-created_at").first() if slug else None


def learn(mapping: ProjectMapping, project: Project) -> None:
    """Keep what the payload says of the mapped project: the id behind a typed slug, and a new name or slug."""
    changes = {
        "project_id": mapping.project_id or project.id,
        # Without the id, the slug is all there is to go by.
        "project_slug": (project.id and project.slug) or mapping.project_slug,
        "project_name": project.name or mapping.project_name,
    }
    if any(getattr(mapping, field) != value for field, value in changes.items()):
        ProjectMapping.objects.filter(pk=mapping.pk).update(**changes)
        for field, value in changes.items():
            setattr(mapping, field, value)
