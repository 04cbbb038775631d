"""What an operator sees of all connections."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.utils import timezone

from blametrail.cli import main
from blametrail.commands.connections import STATES
from blametrail.integrations.sentry.models import Connection, DisconnectReason, State, seal


@pytest.fixture
def healthy(acme) -> Connection:
    connection = Connection(
        organization=acme,
        base_url="https://sentry.example",
        sentry_organization_slug="acme-rockets",
        token_expires_at=timezone.now() + timedelta(hours=7, minutes=30, seconds=30),
        renew_at=timezone.now() + timedelta(hours=5, minutes=12, seconds=30),
    )
    connection.access_token_sealed = seal(connection, "access_token_sealed", "an-access-token")
    connection.save()
    return connection


@pytest.fixture
def lost(malice_inc) -> Connection:
    return Connection.objects.create(
        organization=malice_inc,
        base_url="https://sentry.example",
        sentry_organization_slug="malice",
        state=State.DISCONNECTED,
        disconnect_reason=DisconnectReason.ANSWER_LOST,
        disconnect_detail="The answer\nnever arrived.",
    )


def run(*arguments: str) -> list[str]:
    return CliRunner().invoke(main, ["connections", *arguments], catch_exceptions=False).output.splitlines()


def test_each_connection_is_told_on_one_line(healthy, lost):
    first, second = run()

    words = "acme acme-rockets sentry.example connected expires in 7 h 30 min renews in 5 h 12 min"
    assert " ".join(first.split()) == words
    assert second.endswith("The answer never arrived.")
    assert "disconnected (answer_lost)" in second


def test_only_those_in_a_state_are_listed_if_one_is_given(healthy, lost):
    (only,) = run("--state", "disconnected")

    assert only.startswith("malice-inc")


def test_programs_get_one_object_a_line_and_no_secret(healthy, lost):
    output = run("--json")

    assert [json.loads(line)["organization"] for line in output] == ["acme", "malice-inc"]
    assert json.loads(output[0])["failures"] == 0
    assert "an-access-token" not in "".join(output)


def test_every_state_can_be_asked_for():
    assert set(STATES) == set(State.values)
