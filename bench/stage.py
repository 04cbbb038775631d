"""Databases and processes for a measurement: made, used and removed."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

from bench.bodies import SECRET

ENDPOINT = "/hooks/sentry/bench"
PYTHON = [sys.executable, "-m"]


class Stage:
    """A migrated database of its own, and what runs on it."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.name = urlsplit(database_url).scheme
        self._variables = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BLAMETRAIL_")},
            "DJANGO_SETTINGS_MODULE": "blametrail.settings",
            "BLAMETRAIL_BASE_URL": "http://localhost",
            "BLAMETRAIL_SECRET_KEY": secrets.token_hex(32),
            "BLAMETRAIL_ENCRYPTION_KEYS": "bench:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "BLAMETRAIL_DATA_DIR": str(folder),
            "BLAMETRAIL_DATABASE_URL": database_url,
            "BLAMETRAIL_SENTRY_APP_SLUG": "bench",
            "BLAMETRAIL_SENTRY_CLIENT_ID": "id",
            "BLAMETRAIL_SENTRY_CLIENT_SECRET": SECRET,
            "BLAMETRAIL_LOG_LEVEL": "WARNING",
        }
        self.run("blametrail.cli", "migrate")

    def run(self, *arguments: str) -> str:
        command = [*PYTHON, *arguments]
        return subprocess.run(command, env=self._variables, check=True, stdout=subprocess.PIPE, text=True).stdout

    @contextmanager
    def running(self, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                [*PYTHON, *arguments], env=self._variables, stdout=subprocess.PIPE, stderr=log, text=True
            )
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    @contextmanager
    def serving(self, application: str) -> Iterator[str]:
        """Serve ``application`` in a process of its own and give its webhook address."""
        with self.running("bench.serve", application) as process:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}{ENDPOINT}"

    def load(self, url: str, *options: str) -> tuple[dict[str, Any], list[str]]:
        """Let the load generator loose; return what it measured and the ids that were acknowledged."""
        path = self.folder / "acknowledged"
        measured = json.loads(self.run("bench.load", url, "--acknowledged", str(path), *options))
        return measured, path.read_text().split()

    def ask(self, program: str, *arguments: str) -> Any:
        """Run a module that prints JSON."""
        return json.loads(self.run(program, *arguments))


@contextmanager
def stages(addresses: Sequence[str]) -> Iterator[list[Stage]]:
    """Make a database for SQLite and one beside each of ``addresses``, which are of PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="blametrail-bench-") as folder:
        made = [Stage(_folder(folder, "sqlite"), f"sqlite:///{folder}/sqlite/blametrail.sqlite3")]
        names = [f"bench_{secrets.token_hex(4)}" for _ in addresses]
        try:
            for address, name in zip(addresses, names, strict=True):
                _administer(address, f'CREATE DATABASE "{name}"')
                url = urlunsplit(urlsplit(address)._replace(path=f"/{name}"))
                made.append(Stage(_folder(folder, name), url))
            yield made
        finally:
            for address, name in zip(addresses, names, strict=True):
                _administer(address, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _folder(parent: str, name: str) -> Path:
    path = Path(parent, name)
    path.mkdir()
    return path


def _administer(address: str, statement: str) -> None:
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(statement)  # type: ignore[call-overload]  # a name cannot be a parameter
