"""The one command of BlameTrail, with verbs."""

import os

import click


@click.group()
@click.version_option(package_name="blametrail")
def main() -> None:
    """BlameTrail: incidents for teams that use Sentry."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "blametrail.settings")
