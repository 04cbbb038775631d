"""``blametrail keys``: the keys that seal secrets in the database."""

import re
from datetime import UTC, datetime

import click

from blametrail.lib import encryption


@click.group()
def keys() -> None:
    """The keys that encrypt tokens and webhook bodies in the database."""


@keys.command()
@click.option("--name", help="Up to 16 letters and digits.  [default: k and today's date]")
def generate(name: str | None) -> None:
    """Print a new key for BLAMETRAIL_ENCRYPTION_KEYS.

    To rotate, put the new key before the old ones, separated by commas, and keep those until nothing needs them.
    """
    name = f"k{datetime.now(UTC):%Y%m%d}" if name is None else name
    if not re.fullmatch(rf"[A-Za-z0-9]{{1,{encryption.NAME_LENGTH}}}", name):
        raise click.BadParameter(f"must be 1 to {encryption.NAME_LENGTH} letters and digits.", param_hint="--name")
    click.echo(encryption.generate_key(name))
