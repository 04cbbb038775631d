"""``blametrail connections``: how each connection stands."""

import dataclasses
import json
from datetime import UTC, datetime

import click

from blametrail.commands.preparation import prepare

STATES = ("connecting", "unconfirmed", "connected", "disconnected")  # as in the models, which cannot be read yet


@click.command()
@click.option("--state", type=click.Choice(STATES), default=None, help="Only connections in this state.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on each line.")
def connections(state: str | None, as_json: bool) -> None:
    """List every connection to Sentry, one line each.

    Organization, Sentry organization, host, state, when the token expires, when it is renewed next, how many renewals
    failed in a row, and the last error.
    """
    prepare()
    from blametrail.integrations.sentry import listing  # models, which need Django to be set up

    now = datetime.now(UTC)
    for line in listing.lines(state=state or ""):
        as_text = json.dumps(dataclasses.asdict(line), default=datetime.isoformat)
        click.echo(as_text if as_json else listing.in_words(line, now=now))
