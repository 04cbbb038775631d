"""``blametrail operator``: people who may open the operator's pages."""

from typing import IO

import click

from blametrail.commands.preparation import prepare


@click.group()
def operator() -> None:
    """People who may open the operator's pages of this installation."""


@operator.command()
@click.argument("email")
@click.option("--name", default="", help="The name others see.")
@click.option("--password-file", type=click.File(), help="Read the password from a file, or - for standard input.")
def add(email: str, name: str, password_file: IO[str] | None) -> None:
    """Let EMAIL operate this installation, with a new account or the one they have.

    Their address counts as verified, so that this works before e-mail does.
    """
    prepare()
    from blametrail.accounts import operators  # models, which need Django to be set up

    if operators.promote(email):
        click.echo(f"{email} has an account and now is an operator.")
        return
    password = (
        password_file.read().strip()
        if password_file
        else click.prompt("Password", hide_input=True, confirmation_prompt=True)
    )
    try:
        operators.create(email, password=password, name=name)
    except operators.NotUsable as reason:
        raise click.ClickException(str(reason)) from None
    click.echo(f"{email} is an operator and may sign in.")
