"""A sender of signed webhooks that BlameTrail does not know, the receiver for it, and a real server around a door."""

import hashlib
import hmac
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from django.conf import settings

from blametrail.intake.door import Door, Limits
from blametrail.intake.receivers import Accepted, Refused
from blametrail.intake.spool import Spool
from blametrail.intake.writer import Writer

SECRET = b"the secret of endpoint one"


def sign(body: bytes) -> str:
    return hmac.new(SECRET, body, hashlib.sha256).hexdigest()


def headers(body: bytes, **more: str) -> dict[str, str]:
    return {"Echo-Hook-Signature": sign(body), "Echo-Hook-Resource": "error", **more}


class EchoReceiver:
    source = "echo"

    async def verify(self, endpoint, headers, body):
        if endpoint == "broken":
            raise RuntimeError("the secret could not be read")
        if endpoint != "one":
            return Refused(404, "There is no such endpoint.")
        if not hmac.compare_digest(headers.get("echo-hook-signature", ""), sign(body)):
            return Refused(401, "The signature is missing or wrong.")
        return Accepted(headers["echo-hook-resource"])


async def behind(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page behind the door"})


def spool(folder=None, *, max_bytes=64 * 1024 * 1024) -> Spool:
    return Spool(folder or Path(tempfile.mkdtemp(dir=settings.ENVIRONMENT.data_dir)), max_bytes=max_bytes)


def door(*, wake=lambda: None, kept_in=None, **limits) -> Door:
    limits = Limits(**{"body": 10 * 1024 * 1024, **limits})
    writer = Writer(wake=wake, spool=kept_in or spool())
    return Door(behind, receivers=[EchoReceiver()], writer=writer, limits=limits)


@contextmanager
def serving(application) -> Iterator[tuple[str, int]]:
    """Serve on loopback; give the address. At the end the server stops as it would at SIGTERM."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, lifespan="on", log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
