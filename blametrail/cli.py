"""The one command of BlameTrail, with verbs."""

import click

from blametrail.commands.connections import connections
from blametrail.commands.demo import demo
from blametrail.commands.doctor import doctor
from blametrail.commands.keys import keys
from blametrail.commands.manage import manage
from blametrail.commands.migrate import migrate
from blametrail.commands.operator import operator
from blametrail.commands.sandbox import sandbox
from blametrail.commands.sentry_app import sentry_app
from blametrail.commands.up import up
from blametrail.commands.web import web
from blametrail.commands.worker import worker


@click.group()
@click.version_option(package_name="blametrail")
def main() -> None:
    """BlameTrail: incidents for teams that use Sentry.

    Settings are read from BLAMETRAIL_* variables; docs/operating.md lists them. Begin with: blametrail up
    """


for verb in (up, web, worker, migrate, doctor, keys, operator, sentry_app, connections, sandbox, demo, manage):
    main.add_command(verb)


if __name__ == "__main__":
    main()
