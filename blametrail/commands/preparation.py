"""Make ready what every verb but the simplest needs: settings that were checked, Django, the data folder."""

import os
import sys

import click
import django
from django.conf import settings


def prepare() -> None:
    """Set Django up. Ends the process with status 2, and one line for each fault, where the settings are wrong."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blametrail.settings")
    django.setup()
    try:
        settings.ENVIRONMENT.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        click.echo(f"BLAMETRAIL_DATA_DIR: the folder cannot be made ({error.strerror}).", err=True)
        sys.exit(2)
