"""``blametrail keys``: the keys that seal secrets in the database."""

import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import click
from django.conf import settings

from blametrail.commands.preparation import prepare
from blametrail.lib import encryption

TELL_EVERY = timedelta(seconds=2)


@click.group()
def keys() -> None:
    """The keys that encrypt tokens and webhook bodies in the database."""


@keys.command()
@click.option("--name", help="Up to 16 letters and digits.  [default: k and today's date]")
def generate(name: str | None) -> None:
    """Print a new key for BLAMETRAIL_ENCRYPTION_KEYS.

    To use it, put it before the old ones, separated by commas, and restart; then run `blametrail keys rotate`.
    """
    name = f"k{datetime.now(UTC):%Y%m%d}" if name is None else name
    if not re.fullmatch(rf"[A-Za-z0-9]{{1,{encryption.NAME_LENGTH}}}", name):
        raise click.BadParameter(f"must be 1 to {encryption.NAME_LENGTH} letters and digits.", param_hint="--name")
    click.echo(encryption.generate_key(name))


@keys.command()
@click.option("--dry-run", is_flag=True, help="Only say how much there is to do.")
def rotate(dry_run: bool) -> None:
    """Encrypt anew what is not under the first key.

    BlameTrail may go on running meanwhile, with the same keys. Stop it at any moment: run again, it goes on with what
    is left. Ends with status 1 if something is left.
    """
    prepare()
    # They import models, which need Django to be set up.
    from blametrail.keys import rotation
    from blametrail.keys.places import PLACES

    is_complete = True
    for place in PLACES:
        if dry_run:
            click.echo(f"{place.name}: {rotation.to_do(place, settings.VAULT)} to do")
            continue
        tell = _now_and_then()
        for progress in rotation.rotate(place, settings.VAULT):
            tell(f"{place.name}: {progress.done} of {progress.to_do}")
        click.echo(f"{place.name}: {progress.done} of {progress.to_do} done")
        _tell_reasons(progress.unreadable)
        if progress.overtaken:
            click.echo(f"  {progress.overtaken} are in use by others. Run this again.")
        is_complete &= progress.is_complete
    if not dry_run and is_complete:
        click.echo(f"Everything is under {settings.VAULT.current_key_name}. Prove it with: blametrail keys verify")
    sys.exit(0 if is_complete else 1)


@keys.command()
def verify() -> None:
    """Open everything that is encrypted, and say under which keys it is.

    Ends with status 0 only if everything opens and is under the first key. Then the others are not needed any more.
    """
    prepare()
    # They import models, which need Django to be set up.
    from blametrail.intake import spooling
    from blametrail.keys import proof
    from blametrail.keys.places import PLACES

    is_clean = True
    if waiting := spooling.of_this_process().size():
        # What a spool holds is under the key of when it was written, and comes into the database as it is.
        click.echo(
            f"spool: {waiting} bytes of deliveries wait for the database. Run this again once they are stored."
        )
        is_clean = False
    for place in PLACES:
        tell = _now_and_then()
        for found in proof.verify(place, settings.VAULT):
            tell(f"{place.name}: {found.under.total()} opened")
        counted = [f"{count} under {name}" for name, count in sorted(found.under.items())]
        click.echo(f"{place.name}: {', '.join(counted) or 'none'}")
        _tell_reasons(found.unreadable)
        is_clean &= found.is_clean(settings.VAULT)
    click.echo(
        f"Everything opens, and is under {settings.VAULT.current_key_name}."
        if is_clean
        else f"Not everything opens and is under {settings.VAULT.current_key_name}."
    )
    sys.exit(0 if is_clean else 1)


def _now_and_then() -> Callable[[str], None]:
    """Return what says a line of progress, unless it said one just before."""
    told_at = time.monotonic()

    def tell(line: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TELL_EVERY.total_seconds():
            told_at = time.monotonic()
            click.echo(line)

    return tell


def _tell_reasons(unreadable: dict[str, int]) -> None:
    for reason, count in unreadable.items():
        click.echo(f"  {count} cannot be opened. {reason}")
