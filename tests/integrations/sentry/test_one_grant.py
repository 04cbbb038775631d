"""One renewal at a time, whoever asks: threads and processes, on either database."""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from blametrail.integrations.sentry.models import Connection
from tests.jobs.processes import environment

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 4


@pytest.mark.drill
@pytest.mark.parametrize("jwt_grant", [True, False])
def test_sixteen_threads_in_four_processes_cause_one_grant(connect, sandbox, jwt_grant):
    connection = connect()
    sandbox.control.set_app(jwt_grant=jwt_grant)
    Connection.objects.filter(pk=connection.pk).update(token_expires_at=timezone.now() - timedelta(minutes=1))

    tokens = _tokens_asked_for(connection)

    granted = [grant for grant in sandbox.control.grants() if grant.granted and grant.kind != "exchange"]
    assert len(granted) == 1
    connection.refresh_from_db()
    assert tokens == [connection.access_token] * 64


def _tokens_asked_for(connection: Connection) -> list[str]:
    command = [sys.executable, "-m", "tests.integrations.sentry.ask_for_token", str(connection.pk)]
    askers = [
        subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for asker in askers:
        assert asker.stdout.readline() == "ready\n"
    answers = []
    for asker in askers:
        asker.stdin.write("go\n")
        asker.stdin.flush()
    for asker in askers:
        answers += asker.communicate(timeout=60)[0].split()
        assert asker.returncode == 0
    return [word for word in answers if word != "token"]
