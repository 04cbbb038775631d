"""The database goes away, the web process is killed, and still every acknowledged webhook is stored exactly once."""

import hashlib
import hmac
import json
import secrets
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol, Self

import httpx
import psycopg
import pytest

from tests.drills.postgres import INSTALLED, Cluster
from tests.jobs.processes import environment, line_with, running

pytestmark = pytest.mark.drill

SECRET = "planted-client-secret"
BODY = json.dumps({"action": "created", "data": {"issue": {"title": "x" * 4_000}}}).encode()
SIGNATURE = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
SENDERS = 4
SENTRY_WAITS = 1.0  # seconds
QUERY = "SELECT headers FROM intake_delivery"


class Outage(Protocol):
    """A database that can be taken away and given back."""

    address: str

    def take_away(self) -> None: ...

    def give_back(self) -> None: ...

    def headers(self) -> Iterator[dict[str, str]]: ...


class StoppedPostgres:
    def __init__(self, folder: Path) -> None:
        self._cluster = Cluster(folder)
        self._cluster.start()
        self.address = self._cluster.address
        self.take_away, self.give_back = self._cluster.stop, self._cluster.start

    def headers(self) -> Iterator[dict[str, str]]:
        with psycopg.connect(self.address) as connection:
            yield from (headers for (headers,) in connection.execute(QUERY))


class LockedSqlite:
    def __init__(self, folder: Path) -> None:
        self._path = folder / "blametrail.sqlite3"
        self.address = f"sqlite:///{self._path}"

    def take_away(self) -> None:
        self._lock = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        self._lock.execute("BEGIN IMMEDIATE")

    def give_back(self) -> None:
        self._lock.close()

    def headers(self) -> Iterator[dict[str, str]]:
        with closing(sqlite3.connect(self._path)) as connection:
            yield from (json.loads(headers) for (headers,) in connection.execute(QUERY))


DATABASES: list[Callable[[Path], Outage]] = [LockedSqlite]
if INSTALLED:
    DATABASES.append(StoppedPostgres)


class Senders:
    """Post without a pause, to whatever address stands now, and note every delivery that was acknowledged."""

    def __init__(self) -> None:
        self.url = ""
        self.acknowledged: list[str] = []
        self.refused: Counter[int] = Counter()
        self.took: list[float] = []
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._send) for _ in range(SENDERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, count: int) -> None:
        wanted, ends_at = len(self.acknowledged) + count, time.monotonic() + 60
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < ends_at, f"too few were acknowledged; refused: {self.refused}"
            self._is_over.wait(0.02)

    def _send(self) -> None:
        with httpx.Client(timeout=30, trust_env=False) as client:
            while not self._is_over.wait(0.01):
                self._post(client)

    def _post(self, client: httpx.Client) -> None:
        id_ = secrets.token_hex(8)
        headers = {"Request-ID": id_, "Sentry-Hook-Resource": "issue", "Sentry-Hook-Signature": SIGNATURE}
        began_at = time.monotonic()
        try:
            status = client.post(self.url, content=BODY, headers=headers).status_code
        except httpx.TransportError:  # the web process was killed
            return
        self.took.append(time.monotonic() - began_at)
        if status == 202:
            self.acknowledged.append(id_)
        else:
            self.refused[status] += 1


@pytest.fixture(params=DATABASES)
def outage(request) -> Iterator[Outage]:
    # Not pytest's own folder, which belongs to one user, while PostgreSQL needs another.
    folder = Path(tempfile.mkdtemp(prefix="blametrail-outage-"))
    outage = request.param(folder)
    try:
        yield outage
    finally:
        outage.take_away()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def variables(outage, tmp_path) -> dict[str, str]:
    variables = {
        "BLAMETRAIL_DATABASE_URL": outage.address,
        "BLAMETRAIL_DATA_DIR": str(tmp_path),
        "BLAMETRAIL_SENTRY_APP_SLUG": "blametrail",
        "BLAMETRAIL_SENTRY_CLIENT_ID": "id",
        "BLAMETRAIL_SENTRY_CLIENT_SECRET": SECRET,
    }
    command = [sys.executable, "-m", "blametrail.cli", "migrate"]
    subprocess.run(command, env=environment(**variables), check=True, stdout=subprocess.DEVNULL)
    return variables


class Web:
    """The web process, which can be killed and started again."""

    def __init__(self, senders: Senders, variables: dict[str, str]) -> None:
        self._senders = senders
        self._variables = variables
        self._stack = ExitStack()

    def start(self) -> None:
        process = self._stack.enter_context(running("tests.drills.serve", **self._variables))
        self._senders.url = line_with(process, "http://").split()[-1]
        # Its log is read on, or the pipe would fill up and hold it.
        threading.Thread(target=process.stdout.read, daemon=True).start()

    def kill(self) -> None:
        self._stack.close()


def wait_until_drained(folder: Path) -> None:
    pause, ends_at = threading.Event(), time.monotonic() + 60
    while list(folder.glob("spool/*.spool")):
        assert time.monotonic() < ends_at, "the spool was not drained"
        pause.wait(0.1)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def assert_each_is_stored_once(outage: Outage, acknowledged: list[str]) -> None:
    stored = Counter(headers["request-id"] for headers in outage.headers())
    assert [id_ for id_ in acknowledged if stored[id_] == 0] == []
    assert {id_: count for id_, count in stored.items() if count > 1} == {}


def test_posts_go_on_without_the_database_and_are_stored_by_the_next_web_process(outage, variables, tmp_path):
    with Senders() as senders:
        web = Web(senders, variables)
        web.start()
        senders.wait_for_more(100)
        outage.take_away()
        senders.took.clear()
        senders.wait_for_more(300)
        web.kill()
        web.start()
        senders.wait_for_more(300)
        took = list(senders.took)
        assert list(tmp_path.glob("spool/*.spool"))
        outage.give_back()
        wait_until_drained(tmp_path)
        senders.wait_for_more(100)

    wait_until_drained(tmp_path)
    web.kill()
    assert_each_is_stored_once(outage, senders.acknowledged)
    assert senders.refused == {}
    assert quantile(took, 0.95) < SENTRY_WAITS


def test_what_a_dead_web_process_left_is_stored_by_the_worker(outage, variables, tmp_path):
    with Senders() as senders:
        web = Web(senders, variables)
        web.start()
        senders.wait_for_more(20)
        outage.take_away()
        senders.wait_for_more(200)
        web.kill()
    outage.give_back()

    with running("blametrail.cli", "worker", **variables) as worker:
        threading.Thread(target=worker.stdout.read, daemon=True).start()
        wait_until_drained(tmp_path)

    assert_each_is_stored_once(outage, senders.acknowledged)
