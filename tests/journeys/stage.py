"""What a story plays on: a stand-in for Sentry, the web process and a worker, with a database of their own."""

import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg

from sentry_sandbox.config import Config
from sentry_sandbox.server import Sandbox
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
PATIENCE = 40  # seconds for a process to answer, on a machine that is busy with other tests
LOOK_EVERY = 0.1


class Stage:
    """Use as a context manager. ``folder`` takes the database, the mails and the logs."""

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        self.folder = folder
        self.url = f"http://localhost:{free_port()}"
        self.mails = folder / "mails"
        self.sandbox = Sandbox(config or Config())
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self.mails.mkdir(parents=True, exist_ok=True)
        self.sandbox.start()
        self.sandbox.control.set_app(redirect_url=f"{self.url}/integrations/sentry/callback/")
        self.sandbox.control.set_webhooks(url=f"{self.url}/hooks/sentry/{self.sandbox.config.app_slug}")
        self._database = _fresh_database(self.folder)
        self._environment = self._settings(self._database.__enter__())
        self._run("migrate")
        self._start("web", "--host", "localhost", "--port", str(urlsplit(self.url).port))
        self._start("worker")
        _until_it_answers(f"{self.url}/healthz")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(PATIENCE)
        self.sandbox.stop()
        self._database.__exit__(kind, error, trace)

    def _settings(self, database: str) -> dict[str, str]:
        app = self.sandbox.config
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BLAMETRAIL_")}
        return inherited | {
            "PYTHONPATH": str(ROOT),
            "BLAMETRAIL_BASE_URL": self.url,
            "BLAMETRAIL_SECRET_KEY": secrets.token_hex(32),
            "BLAMETRAIL_ENCRYPTION_KEYS": "j1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "BLAMETRAIL_DATA_DIR": str(self.folder),
            "BLAMETRAIL_DATABASE_URL": database,
            "BLAMETRAIL_EMAIL_URL": f"file://{self.mails}",
            "BLAMETRAIL_SENTRY_BASE_URL": self.sandbox.url,
            "BLAMETRAIL_SENTRY_APP_SLUG": app.app_slug,
            "BLAMETRAIL_SENTRY_CLIENT_ID": app.client_id,
            "BLAMETRAIL_SENTRY_CLIENT_SECRET": app.client_secret,
        }

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "blametrail.cli", *arguments]

    def _run(self, *arguments: str) -> None:
        subprocess.run(self._command(*arguments), env=self._environment, cwd=ROOT, check=True, capture_output=True)

    def _start(self, *arguments: str) -> None:
        with (self.folder / f"{arguments[0]}.log").open("wb") as log:
            process = subprocess.Popen(
                self._command(*arguments), env=self._environment, cwd=ROOT, stdout=log, stderr=log
            )
        self._processes.append(process)

    def link_mailed_to(self, address: str) -> str:
        """Return the first link of the latest mail to this address."""
        return _wait_for(lambda: next(iter(self._links_to(address)), ""), f"a mail to {address}")

    def _links_to(self, address: str) -> Iterator[str]:
        for written in sorted(self.mails.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True):
            mail = message_from_bytes(written.read_bytes().partition(b"\n" + b"-" * 79)[0], policy=modern)
            if address in str(mail["To"]):
                yield from re.findall(rf"{re.escape(self.url)}\S+", mail.get_content())


def _wait_for(look, what: str):
    never = threading.Event()
    for _ in range(int(PATIENCE / LOOK_EVERY)):
        if found := look():
            return found
        never.wait(LOOK_EVERY)
    raise TimeoutError(f"{what} did not come in {PATIENCE} seconds")


def _until_it_answers(address: str) -> None:
    def answers() -> bool:
        try:
            return httpx.get(address, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    _wait_for(answers, f"an answer of {address}")


@contextmanager
def _fresh_database(folder: Path) -> Iterator[str]:
    """Yield an empty database's address: a file, or a neighbour of the PostgreSQL database in the environment."""
    given = os.environ.get("BLAMETRAIL_DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield f"sqlite:///{folder / 'blametrail.sqlite3'}"
        return
    name = f"journey_{secrets.token_hex(6)}"
    with psycopg.connect(given, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
