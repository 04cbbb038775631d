"""Which Sentry project opens incidents on which service."""

from collections.abc import Iterable

from django.db import IntegrityError, transaction

from blametrail.catalog.models import Service
from blametrail.integrations.sentry import client, tokens
from blametrail.integrations.sentry.models import Connection, ProjectMapping
from blametrail.integrations.sentry.tokens import Clock, wall_clock
from blametrail.organizations import audit
from blametrail.organizations.access import Access


class AlreadyMapped(Exception):
    """This Sentry project has a mapping already; change that one."""


class ServiceArchived(Exception):
    """The service of this mapping is archived; choose another one first."""


class NoSuchProject(Exception):
    """Sentry knows no project with this slug in that organization."""


def fetch_projects(connection: Connection, *, clock: Clock = wall_clock) -> list[client.Project]:
    """Return every project of the connected Sentry organization, by slug, read from Sentry now.

    Raises tokens.NotConnected, tokens.RenewalInProgress or a client.SentryError.
    """
    read = tokens.call(
        connection, lambda session: list(session.projects(connection.sentry_organization_slug)), clock=clock
    )
    return sorted(read, key=lambda project: project.slug)


def find(projects: Iterable[client.Project], *, slug_or_id: str) -> client.Project:
    """Return the project with this slug or numeric id. Raises NoSuchProject."""
    for project in projects:
        if slug_or_id.lower() in {project.slug.lower(), project.id}:
            return project
    raise NoSuchProject(NoSuchProject.__doc__)


def add(
    access: Access, connection: Connection, project: client.Project, *, service: Service, is_active: bool = True
) -> ProjectMapping:
    """Map the project to the service. A project without an id is known by its slug as typed. Raises AlreadyMapped."""
    if _is_mapped(connection, project):
        raise AlreadyMapped(AlreadyMapped.__doc__)
    try:
        with transaction.atomic():
            mapping = ProjectMapping.objects.create(
                connection=connection,
                project_id=project.id,
                project_slug=project.slug,
                project_name=project.name,
                service=service,
                is_active=is_active,
            )
            audit.record(access, "mapping.created", project.slug, detail=f"To {service}.")
    except IntegrityError:
        raise AlreadyMapped(AlreadyMapped.__doc__) from None
    return mapping


def _is_mapped(connection: Connection, project: client.Project) -> bool:
    """Test both ways a project can be known by: its id, and a slug that was typed before the id was known."""
    mappings = ProjectMapping.objects.filter(connection=connection)
    by_slug = mappings.filter(project_slug__iexact=project.slug)
    if not project.id:
        return by_slug.exists()
    return mappings.filter(project_id=project.id).exists() or by_slug.filter(project_id="").exists()


def change_service(access: Access, mapping: ProjectMapping, *, service: Service) -> None:
    """Send what comes from now on to another service; incidents that exist do not move."""
    if mapping.service_id == service.pk:
        return
    with transaction.atomic():
        detail = f"From {mapping.service} to {service}."
        mapping.service = service
        mapping.save(update_fields=["service"])
        audit.record(access, "mapping.changed", mapping.project_slug, detail=detail)


def set_active(access: Access, mapping: ProjectMapping, *, is_active: bool) -> None:
    """Turn the mapping on or off. While off, its project's webhooks are kept and ignored visibly.

    Raises ServiceArchived where it would open incidents on a service that is out of use.
    """
    if is_active and mapping.service.archived_at:
        raise ServiceArchived(ServiceArchived.__doc__)
    with transaction.atomic():
        changed = ProjectMapping.objects.filter(pk=mapping.pk, is_active=not is_active).update(is_active=is_active)
        if changed:
            verb = "mapping.activated" if is_active else "mapping.deactivated"
            audit.record(access, verb, mapping.project_slug)
    mapping.is_active = is_active


def delete(access: Access, mapping: ProjectMapping) -> None:
    """Remove the mapping; incidents that it opened stay where they are."""
    with transaction.atomic():
        audit.record(access, "mapping.deleted", mapping.project_slug, detail=f"Was mapped to {mapping.service}.")
        mapping.delete()
