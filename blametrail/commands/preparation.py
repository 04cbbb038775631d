"""Make ready what every verb but the simplest needs: settings that were checked, Django, the data folder."""

import os
import sys

import click
import django
from django.conf import settings
from django.db import DatabaseError, connection, connections


def prepare() -> None:
    """Set Django up. Ends the process with status 2, and one line for each fault, where the settings are wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blametrail.settings")
    django.setup()
    try:
        settings.ENVIRONMENT.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        click.echo(f"BLAMETRAIL_DATA_DIR: the folder cannot be made ({error.strerror}).", err=True)
        sys.exit(2)


def refuse_wrong_keys() -> None:
    """End the process with status 2, and one line, if the keys in the settings are not those of the database.

    Better not to start than to seal new secrets under a key that nobody meant, and to renew no token. Whether there
    is a database, and one with tables, is not asked here.
    """
    # Models, which need Django to be set up.
    from blametrail.keys import proof
    from blametrail.lib.encryption import CannotOpen

    try:
        _reach_database()
        proof.require_keys(settings.VAULT)
    except CannotOpen as reason:
        click.echo(f"BLAMETRAIL_ENCRYPTION_KEYS: the newest secret in the database does not open. {reason}", err=True)
        sys.exit(2)
    except DatabaseError:
        return
    finally:
        connections.close_all()


def _reach_database() -> None:
    """Raise DatabaseError at once if nobody listens; a pool would go on trying for ten seconds."""
    probe = connection.copy()
    probe.settings_dict["OPTIONS"].pop("pool", None)
    try:
        probe.ensure_connection()
    finally:
        probe.close()
