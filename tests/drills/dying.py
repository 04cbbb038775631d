"""A process that does things in forked children, each of which kills itself at a given step.

``python -m tests.drills.dying``. Each line of input is JSON: ``verb``, ``kill_at`` (0: never), ``later`` (seconds
that the clock is ahead) and what the verb needs. Each line of output is JSON: ``died``, the ``steps`` passed, and the
``problem`` raised, if any.

A step is the moment before and the moment after each database statement and each HTTP request. The product does not
know of it: Django and httpx are instrumented from here.
"""

import json
import os
import signal
import sys
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import django
import httpx

django.setup()

from django.db import connection as database  # noqa: E402 -- after Django is set up

from blametrail.accounts.models import User  # noqa: E402 -- imports models
from blametrail.integrations.sentry import connecting, problems, tokens  # noqa: E402 -- imports models
from blametrail.integrations.sentry.models import Connection  # noqa: E402 -- imports models
from tests.integrations.sentry.redirects import NONCE  # noqa: E402 -- imports models

Clock = Callable[[], datetime]


def renew(order: dict[str, Any], clock: Clock) -> None:
    tokens.renew(Connection.objects.get(pk=order["connection"]), clock=clock)


def finish(order: dict[str, Any], clock: Clock) -> None:
    came_back = connecting.CameBack(
        state=order["state"],
        code=order["code"],
        installation=uuid.UUID(order["installation"]),
        organization_slug="",
        error="",
    )
    connecting.finish(came_back, user=User.objects.get(email=order["user"]), session_nonce=NONCE, clock=clock)


VERBS = {"renew": renew, "finish": finish}


class Steps:
    """Counts the steps into a pipe, and kills the process at the one it was told."""

    def __init__(self, *, kill_at: int, pipe: int) -> None:
        self._left = kill_at
        self._pipe = pipe

    def pass_by(self, step: str) -> None:
        os.write(self._pipe, f"{step}\n".encode())
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        self.pass_by("before the first statement")
        database.execute_wrappers.append(self._around_statement)
        send = httpx.HTTPTransport.handle_request

        def around_request(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
            self.pass_by(f"before {request.method} {request.url.path}")
            response = send(transport, request)
            response.read()
            self.pass_by(f"after {request.method} {request.url.path}")
            return response

        httpx.HTTPTransport.handle_request = around_request

    def _around_statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.pass_by(f"before {sql[:60]}")
        result = execute(sql, params, many, context)
        self.pass_by(f"after {sql[:60]}")
        return result


def act(order: dict[str, Any], pipe: int) -> None:
    later = timedelta(seconds=order["later"])
    Steps(kill_at=order["kill_at"], pipe=pipe).watch()
    try:
        VERBS[order["verb"]](order, lambda: tokens.wall_clock() + later)
    except problems.ConnectProblem as problem:
        os.write(pipe, f"problem {type(problem).__name__}\n".encode())


def in_a_child(order: dict[str, Any]) -> dict[str, Any]:
    out_of_it, into_it = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out_of_it)
        try:
            act(order, into_it)
        except BaseException as error:  # noqa: BLE001 -- the child must not go on as if it were its parent
            os.write(into_it, f"problem {error!r}\n".encode())
        os._exit(0)
    os.close(into_it)
    with os.fdopen(out_of_it) as told:
        lines = told.read().splitlines()
    _, status = os.waitpid(child, 0)
    problem = next((line.removeprefix("problem ") for line in lines if line.startswith("problem ")), "")
    steps = [line for line in lines if not line.startswith("problem ")]
    return {"died": os.WIFSIGNALED(status), "steps": steps, "problem": problem}


if __name__ == "__main__":
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(in_a_child(json.loads(line))), flush=True)
