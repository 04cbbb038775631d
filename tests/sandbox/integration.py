"""The other side of the wire: a small integration that installs, trades grants and receives webhooks."""

import json
import queue
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from uuid import uuid4

import httpx
import jwt

from sentry_sandbox.server import Sandbox
from sentry_sandbox.trust import certificates

JWT_GRANT = "urn:sentry:params:oauth:grant-type:jwt-bearer"
SESSION = {"Cookie": "sentrysid=dana"}
PATIENCE_SECONDS = 5


class Integration:
    """One installation as its integration sees it."""

    def __init__(self, sandbox: Sandbox, organization: str = "acme-rockets") -> None:
        self.sandbox = sandbox
        self.organization = organization
        self.http = httpx.Client(
            base_url=sandbox.url, trust_env=False, timeout=PATIENCE_SECONDS, verify=certificates()
        )
        self.uuid = self.code = self.token = self.refresh_token = ""

    def install(self) -> httpx.Response:
        address = f"/api/0/organizations/{self.organization}/sentry-app-installations/"
        response = self.http.post(address, json={"slug": "blametrail"}, headers=SESSION)
        self.uuid, self.code = response.json()["uuid"], response.json().get("code", "")
        return response

    def connect(self) -> Self:
        """Install, exchange and verify."""
        self.install()
        self.exchange()
        self.verify()
        return self

    def exchange(self, **changes: object) -> httpx.Response:
        return self._keep(self.trade({"grant_type": "authorization_code", "code": self.code} | changes))

    def refresh(self, **changes: object) -> httpx.Response:
        fields = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        return self._keep(self.trade(fields | changes))

    def renew_by_jwt(self, *, authorization: str | None = "", **claims: object) -> httpx.Response:
        headers = {"Authorization": authorization or f"Bearer {self.assertion(**claims)}"}
        headers = {} if authorization is None else headers
        return self._keep(self.http.post(self.grants, json={"grant_type": JWT_GRANT}, headers=headers))

    def assertion(self, *, secret: str | None = None, **claims: object) -> str:
        config, now = self.sandbox.config, int(time.time())
        standard = {
            "iss": config.client_id,
            "sub": config.client_id,
            "iat": now,
            "exp": now + 60,
            "jti": uuid4().hex,
        }
        return jwt.encode(standard | claims, secret or config.client_secret, algorithm="HS256")

    def trade(self, fields: dict[str, object], **options: object) -> httpx.Response:
        config = self.sandbox.config
        secrets = {"client_id": config.client_id, "client_secret": config.client_secret}
        return self.http.post(self.grants, json=secrets | fields, **options)

    def verify(self, status: str = "installed") -> httpx.Response:
        return self.http.put(self.address, json={"status": status}, headers=self.bearer)

    def get(self, address: str, token: str | None = None) -> httpx.Response:
        headers = self.bearer if token is None else {"Authorization": f"Bearer {token}"}
        return self.http.get(f"/api/0/{address}", headers=headers)

    @property
    def address(self) -> str:
        return f"/api/0/sentry-app-installations/{self.uuid}/"

    @property
    def grants(self) -> str:
        return f"{self.address}authorizations/"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def _keep(self, response: httpx.Response) -> httpx.Response:
        if response.status_code == 201 and response.content:
            pair = response.json()
            self.token, self.refresh_token = pair["token"], pair["refreshToken"]
        return response


@dataclass(frozen=True)
class Delivery:
    headers: dict[str, str]
    body: bytes

    @property
    def payload(self) -> dict:
        return json.loads(self.body)

    @property
    def name(self) -> str:
        return f"{self.headers['sentry-hook-resource']}.{self.payload['action']}"


@dataclass
class Receiver:
    """A webhook address; `answers` are given in turn, then 200. A None answer is kept waiting."""

    answers: list[int | None] = field(default_factory=list)
    arrived: "queue.Queue[Delivery]" = field(default_factory=queue.Queue)
    released: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/sentry"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def next(self) -> Delivery:
        return self.arrived.get(timeout=PATIENCE_SECONDS)

    def all(self) -> list[Delivery]:
        return [self.arrived.get_nowait() for _ in range(self.arrived.qsize())]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = receiver.answers.pop(0) if receiver.answers else 200
            receiver.arrived.put(Delivery({k.lower(): v for k, v in self.headers.items()}, body))
            if answer is None:
                receiver.released.wait(PATIENCE_SECONDS)
                self.close_connection = True
                return
            self.send_response(answer)
            self.send_header("Location", receiver.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
