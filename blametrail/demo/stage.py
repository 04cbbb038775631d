"""What a story plays on: a stand-in for Sentry, the web process and a worker, with a database of their own."""

import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.policy import default as modern
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import httpx

from blametrail.lib import encryption
from blametrail.lib.ports import free_port, is_free
from sentry_sandbox.config import Config
from sentry_sandbox.server import Sandbox

PATIENCE = timedelta(seconds=45)  # for a process to answer on a machine that is busy with other things
LOOK_EVERY = timedelta(milliseconds=100)

Found = TypeVar("Found")


class NothingCame(Exception):
    """What was waited for did not come in time."""


class PortTaken(Exception):
    """Another program listens where the pages were to be."""


def wait_for(look: Callable[[], Found], what: str, *, patience: timedelta = PATIENCE) -> Found:
    """Return the first truthy answer of ``look``. Raises NothingCame."""
    pause, ends_at = threading.Event(), time.monotonic() + patience.total_seconds()
    while not (found := look()):
        if time.monotonic() > ends_at:
            raise NothingCame(f"{what} did not come within {patience.total_seconds():.0f} seconds.")
        pause.wait(LOOK_EVERY.total_seconds())
    return found


class Stage:
    """Use as a context manager. ``folder`` takes the database (unless one is given), the mails and the logs."""

    def __init__(
        self,
        folder: Path,
        config: Config | None = None,
        *,
        database_url: str = "",
        port: int = 0,
        sentry_port: int = 0,
    ) -> None:
        self.folder = folder
        self.mails = folder / "mails"
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox = Sandbox(config or Config(), port=sentry_port)
        self._database_url = database_url
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        if not is_free(self.port):
            raise PortTaken(f"Port {self.port} is taken by another program. Choose another one.")
        self.mails.mkdir(parents=True, exist_ok=True)
        self.sandbox.start()
        self.sandbox.control.set_app(redirect_url=f"{self.url}/integrations/sentry/callback/")
        self.sandbox.control.set_webhooks(url=self.hook_url)
        self.environment = self._settings()
        try:
            self.run("migrate")
            self.start("web", "--port", str(self.port))
            self.start("worker")
            wait_for(self._web_answers, f"an answer of {self.url}")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def hook_url(self) -> str:
        return f"{self.url}/hooks/sentry/{self.sandbox.config.app_slug}"

    def _settings(self) -> dict[str, str]:
        app = self.sandbox.config
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BLAMETRAIL_")}
        return inherited | {
            "BLAMETRAIL_BASE_URL": self.url,
            "BLAMETRAIL_SECRET_KEY": secrets.token_hex(32),
            "BLAMETRAIL_ENCRYPTION_KEYS": encryption.generate_key("stage"),
            "BLAMETRAIL_DATA_DIR": str(self.folder),
            "BLAMETRAIL_DATABASE_URL": self._database_url,
            "BLAMETRAIL_EMAIL_URL": f"file://{self.mails}",
            "BLAMETRAIL_SENTRY_BASE_URL": self.sandbox.url,
            "BLAMETRAIL_SENTRY_APP_SLUG": app.app_slug,
            "BLAMETRAIL_SENTRY_CLIENT_ID": app.client_id,
            "BLAMETRAIL_SENTRY_CLIENT_SECRET": app.client_secret,
        }

    def run(self, *arguments: str) -> None:
        """Run a verb of the command to its end; its words are shown only if it fails."""
        done = subprocess.run(  # noqa: S603 -- our own command
            _command(*arguments), env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"blametrail {arguments[0]} failed:\n{done.stdout}{done.stderr}")

    def start(self, verb: str, *arguments: str) -> None:
        """Start a process of the product, or start it again after ``kill``; it logs to ``<folder>/<verb>.log``."""
        with (self.folder / f"{verb}.log").open("ab") as log:
            self._processes[verb] = subprocess.Popen(  # noqa: S603 -- our own command
                _command(verb, *arguments), env=self.environment, stdout=log, stderr=log
            )

    def kill(self, verb: str) -> None:
        """End the process as a power cut would."""
        process = self._processes[verb]
        process.send_signal(signal.SIGKILL)
        process.wait()

    def _stop(self) -> None:
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(PATIENCE.total_seconds())
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.sandbox.stop()

    def _web_answers(self) -> bool:
        if self._processes["web"].poll() is not None:
            raise RuntimeError(f"The web process ended:\n{(self.folder / 'web.log').read_text()}")
        try:
            return httpx.get(f"{self.url}/healthz", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def link_mailed_to(self, address: str) -> str:
        """Return the first link in the latest mail to this address, waiting for the mail if need be."""
        return wait_for(lambda: next(self._links_to(address), ""), f"A mail to {address}")

    def _links_to(self, address: str) -> Iterator[str]:
        for written in sorted(self.mails.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True):
            # The file backend ends each mail with a line of dashes.
            mail = message_from_bytes(written.read_bytes().partition(b"\n" + b"-" * 79)[0], policy=modern)
            if address in str(mail["To"]):
                yield from re.findall(rf"{re.escape(self.url)}\S+", mail.get_content())


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "blametrail.cli", *arguments]
