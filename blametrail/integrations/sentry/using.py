"""Say which services project mappings lead to: one that is still fed must not be archived."""

from blametrail.catalog.models import Service
from blametrail.catalog.uses import Use
from blametrail.integrations.sentry.models import ProjectMapping


def find(service: Service) -> list[Use]:
    """Return the mappings that lead to the service; those that are switched off do not hold it."""
    mappings = ProjectMapping.objects.of(service.organization).filter(service=service).select_related("connection")
    return [
        Use(
            text=f"the mapping of {mapping.project_slug} in {mapping.connection}",
            prevents_archiving=mapping.is_active,
        )
        for mapping in mappings.order_by("project_slug")
    ]
