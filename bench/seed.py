"""Connect the recordings' Sentry organization to one here and map its project: ``python -m bench.seed``."""

import django

django.setup()

from bench.bodies import INSTALLATION, recorded  # noqa: E402 -- models need Django to be set up
from blametrail.catalog.models import Service  # noqa: E402
from blametrail.integrations.sentry.models import Connection, ProjectMapping, SentryApp  # noqa: E402
from blametrail.organizations.models import Organization  # noqa: E402

project = recorded("issue")["data"]["issue"]["project"]
organization = Organization.objects.create(name="Acme", slug="acme")
app = SentryApp.objects.get()
connection = Connection.objects.create(
    organization=organization,
    app=app,
    base_url=app.base_url,
    installation_uuid=INSTALLATION,
    sentry_organization_slug="acme",
)
ProjectMapping.objects.create(
    connection=connection,
    service=Service.objects.create(organization=organization, name="checkout"),
    project_slug=project["slug"],
    project_id=project["id"],
)
