"""``blametrail up``: all of BlameTrail in one command."""

import click
from django.db import connections

from blametrail.commands import migrate
from blametrail.commands.preparation import prepare
from blametrail.commands.supervision import supervise


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address the web process listens on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Its port.")
def up(host: str, port: int) -> None:
    """Upgrade the database, then run web and worker.

    A process that dies is started again. Ctrl-C, or SIGTERM, stops everything in order.
    """
    prepare()
    migrate.run()
    connections.close_all()
    supervise([["web", "--host", host, "--port", str(port)], ["worker"]])
