"""The organizations a sandbox starts with."""

import secrets
from datetime import timedelta

from sentry_sandbox.nouns import Commit, Person, Project, Release
from sentry_sandbox.world import World

AUTHORS = (
    Person(1051, "Priya Nair", "priya@acme.example"),
    Person(1052, "Tomás Ortega", "tomas@acme.example"),
    Person(1053, "Mia Lindqvist", "mia@acme.example"),
)

# Two organizations both own an `api`, as happens in life; a slug alone names nothing.
ORGANIZATIONS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("acme-rockets", "Acme Rockets"): (
        ("api", "python-fastapi"),
        ("checkout-api", "python-fastapi"),
        ("storefront-web", "javascript-react"),
        ("payments-worker", "python-celery"),
        ("inventory-sync", "python"),
        ("search-indexer", "python"),
        ("mobile-gateway", "python-fastapi"),
        ("notifications", "python-celery"),
        ("launch-control", "python-django"),
        ("telemetry-ingest", "python"),
        ("admin-console", "javascript-react"),
        ("billing-worker", "python-celery"),
        ("docs-site", "javascript-nextjs"),
        ("fleet-tracker", "python"),
    ),
    ("globex", "Globex Corporation"): (
        ("api", "python-django"),
        ("site", "javascript-react"),
        ("reports-worker", "python-celery"),
    ),
    ("initech", "Initech"): (("tps-reports", "python-django"), ("printer-gateway", "python")),
    ("empty-orbit", "Empty Orbit"): (),
}

_CHANGES = (
    ("Load the exchange rates from the new service", ("checkout/pricing.py",)),
    ("Show prices with two decimals", ("src/lib/money.ts", "src/cart/CartPage.tsx")),
    ("Shorten the gateway timeout", ("payments/gateway.py", "payments/settings.py")),
)


def fill(world: World) -> None:
    for (slug, name), projects in ORGANIZATIONS.items():
        organization = world.add_organization(slug, name)
        for project_slug, platform in projects:
            project = world.add_project(organization, project_slug, platform)
            add_commits(world, project.releases[-1])


def add_commits(world: World, release: Release) -> None:
    """Give the release one commit by each author."""
    for age, (author, (message, files)) in enumerate(zip(AUTHORS, _CHANGES, strict=True)):
        at = world.now() - timedelta(hours=3 - age)
        release.commits.append(Commit(secrets.token_hex(20), message, author, at, files))


def add_release(world: World, project: Project, version: str) -> Release:
    release = world.add_release(project, version)
    add_commits(world, release)
    return release
