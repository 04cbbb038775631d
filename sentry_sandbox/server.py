"""Serves a sandbox over HTTP: for ever from the command line, or beside a test in a thread."""

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sentry_sandbox import seeds
from sentry_sandbox.app import create_app
from sentry_sandbox.config import Config
from sentry_sandbox.control_client import ControlClient
from sentry_sandbox.faults import DROP_EXTENSION
from sentry_sandbox.world import World

LOOPBACK = "127.0.0.1"
START_PATIENCE_SECONDS = 10


class DroppingProtocol(H11Protocol):
    """Lets an endpoint close its connection without an answer, which ASGI has no word for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[DROP_EXTENSION] = self.transport.abort
            await inner(scope, receive, send)

        self.app = app


class Sandbox:
    """A sandbox on a loopback port of its own, in a background thread.

    Use as a context manager, or call start() and stop(). The state ends with it.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        port: int = 0,
        seed: Callable[[World], None] = seeds.fill,
    ) -> None:
        self.config = config or Config()
        self._socket = _bind(LOOPBACK, port)
        self.url = f"http://{LOOPBACK}:{self._socket.getsockname()[1]}"
        self.app = create_app(self.config, seed=seed)
        self.app.state.world.base_url = self.url
        self.control = ControlClient(self.url)
        self._server = _server(self.app)
        self._thread = threading.Thread(target=self._serve, name="sentry-sandbox", daemon=True)

    def start(self) -> Self:
        """Return once the port answers."""
        self._thread.start()
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the sandbox did not start")
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()
        self.control.close()
        self._socket.close()

    def install_url(self, *, state: str | None = None, organization: str | None = None) -> str:
        """Return the address that a link on our site would carry."""
        known = {"state": state, "organization": organization}
        query = "&".join(f"{key}={value}" for key, value in known.items() if value is not None)
        return f"{self.url}/sentry-apps/{self.config.app_slug}/external-install/" + (query and f"?{query}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])


def run(config: Config, *, host: str = LOOPBACK, port: int = 9100, public_url: str | None = None) -> None:
    """Serve until interrupted."""
    listening = _bind(host, port)
    app = create_app(config)
    app.state.world.base_url = public_url or f"http://{host}:{listening.getsockname()[1]}"
    _server(app).run(sockets=[listening])


def _bind(host: str, port: int) -> socket.socket:
    # Only with the protocol named does asyncio set TCP_NODELAY; without it each answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


def _server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=DroppingProtocol,
            ws="none",
            loop="asyncio",
            log_level="critical",
            # A request that hangs on purpose must not hold up the end.
            timeout_graceful_shutdown=1,
        )
    )
