"""``blametrail manage``: Django's own commands."""

import click
from django.core.management import execute_from_command_line

from blametrail.commands.preparation import prepare


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Run one of Django's commands, such as: blametrail manage shell"""
    prepare()
    execute_from_command_line(["blametrail manage", *arguments])
