"""``blametrail migrate``: bring the database's tables up to this version."""

import click
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from blametrail.commands.preparation import prepare, refuse_wrong_keys

_LOCK = 0x6D696772617465  # any number, as long as nothing else in this database locks it


@click.command()
def migrate() -> None:
    """Create or upgrade the database's tables. Safe to run at any time, and by several machines at once."""
    prepare()
    run()


def run() -> None:
    """Apply what is missing, one process at a time; then take over the Sentry app that the settings describe."""
    _migrate()
    refuse_wrong_keys()
    # It imports models, which need Django to be set up.
    from blametrail.integrations.sentry import apps_registry

    apps_registry.sync(settings.ENVIRONMENT)


def _migrate() -> None:
    if connection.vendor != "postgresql":
        call_command("migrate", interactive=False, verbosity=1)
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            call_command("migrate", interactive=False, verbosity=1)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
