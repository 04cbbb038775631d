"""A process in which 16 threads ask for the same connection's token at once, and each answer is printed.

``python -m tests.integrations.sentry.ask_for_token CONNECTION``; it begins at a line of input.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import django

django.setup()

from django.db import connections  # noqa: E402 -- after Django is set up

from blametrail.integrations.sentry import tokens  # noqa: E402 -- imports models
from blametrail.integrations.sentry.models import Connection  # noqa: E402 -- imports models

THREADS = 16


def ask(connection_id: str) -> str:
    try:
        return tokens.access_token(Connection.objects.get(pk=connection_id))
    finally:
        connections.close_all()


print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(THREADS) as pool:
    for token in pool.map(ask, [sys.argv[1]] * THREADS):
        print(f"token {token}", flush=True)
