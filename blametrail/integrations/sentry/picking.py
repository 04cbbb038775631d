"""The projects of a Sentry organization to pick from; what is typed stands in where Sentry cannot be asked."""

from dataclasses import dataclass
from typing import Any

from blametrail.integrations.sentry import client, mappings, queries, tokens
from blametrail.integrations.sentry.forms import TYPED, Option
from blametrail.integrations.sentry.models import Connection


@dataclass(frozen=True)
class Offer:
    """What Sentry listed. ``trouble`` says why it could not; then any slug is taken, unchecked."""

    options: list[Option]
    trouble: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.options and not self.trouble

    def find(self, wanted: str) -> client.Project:
        """Return the project by its slug or id. Raises mappings.NoSuchProject where Sentry was asked and has none."""
        if self.trouble:
            return client.Project(id="", slug=wanted, name="", platform="")
        return mappings.find((option.project for option in self.options), slug_or_id=wanted)

    def prefill(self, wanted: str) -> dict[str, Any]:
        """Return the form's initial values for a project that the person came for."""
        if not wanted:
            return {}
        for option in self.options:
            if wanted in {option.project.id, option.project.slug}:
                return {"project": option.project.id}
        return {"project": TYPED, "typed": wanted}


def offer(connection: Connection) -> Offer:
    """Return the connection's projects, each with the service it is mapped to. Asks Sentry now."""
    try:
        projects = mappings.fetch_projects(connection)
    except (client.SentryError, tokens.NotConnected, tokens.RenewalInProgress) as error:
        return Offer([], trouble=str(error))
    mapped = queries.mappings(connection)
    by_id = {it.project_id: str(it.service) for it in mapped if it.project_id}
    by_slug = {it.project_slug: str(it.service) for it in mapped if not it.project_id}
    return Offer([Option(it, by_id.get(it.id) or by_slug.get(it.slug, "")) for it in projects])
