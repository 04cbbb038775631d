"""Many connections over many days in compressed time, with faults: ``python -m bench.renewals --help``.

The product's own worker code, queue and database, against the sandbox over real HTTP on loopback. Only the clock is
simulated: it jumps from one moment at which the worker would wake to the next, and while a renewal waits its turn.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from bench.fate import Clock, Fate, Grant, Log, WorkerDied

LIFE = timedelta(hours=8)
SWEEP_EVERY = timedelta(minutes=1)  # see blametrail/jobs/queue.py
MOST_REAL_TIME = timedelta(hours=6)  # whatever was asked for, it stops by itself


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--days", type=float, default=4)
    parser.add_argument("--seed", type=int, default=20261124)
    parser.add_argument("--no-jwt", action="store_true", help="a Sentry without the client-secret JWT grant")
    parser.add_argument("--older", action="store_true", help="a Sentry that answers as 24.2.0 does")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--skew", type=float, default=10, help="minutes that Sentry's clock strays, either way")
    parser.add_argument("--outage", action="store_true", help="instead: one hour down, then the recovery")
    parser.add_argument("--database", default="", help="an empty PostgreSQL database; a temporary file otherwise")
    return parser.parse_args()


@dataclass
class Stage:
    clock: Clock
    fate: Fate
    sandbox: Any
    began: datetime
    late: list[float] = field(default_factory=list)
    killed: set[tuple[str, float]] = field(default_factory=set)

    @property
    def log(self) -> Log:
        log: Log = self.sandbox.app.state.world.grants
        return log


@contextmanager
def prepared(wanted: argparse.Namespace) -> Iterator[Stage]:
    """Yield a migrated database with the connections, and a Sentry that knows them."""
    with tempfile.TemporaryDirectory(prefix="blametrail-bench-") as folder:
        _set_environment(Path(folder), wanted.database)
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command

        from sentry_sandbox.config import Config, Generation
        from sentry_sandbox.server import Sandbox

        if not wanted.database:
            # A throw-away file need not survive a power cut; an fsync for each statement would be most of the time.
            settings.DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
        call_command("migrate", verbosity=0)
        clock = Clock(datetime.now(UTC))  # ahead of the real one from now on, as the JWT's checks need
        config = Config(jwt_grant=not wanted.no_jwt, generation=Generation("24.2" if wanted.older else "current"))
        with Sandbox(config, seed=lambda _: None) as sandbox:
            world = sandbox.app.state.world
            fate = Fate(wanted.seed, clock, is_on=not (wanted.no_faults or wanted.outage))
            world.faults, world.grants = fate, Log(clock, fate)
            stage = Stage(clock, fate, sandbox, clock())
            _connect(stage, wanted)
            world.now = _straying(clock, timedelta(minutes=wanted.skew))
            _mortal(stage)
            yield stage


def _set_environment(folder: Path, database: str) -> None:
    for name in [name for name in os.environ if name.startswith("BLAMETRAIL_")]:
        del os.environ[name]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "blametrail.settings",
        "BLAMETRAIL_BASE_URL": "http://localhost",
        "BLAMETRAIL_SECRET_KEY": "only-for-the-bench-" + "x" * 32,
        "BLAMETRAIL_ENCRYPTION_KEYS": "b1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "BLAMETRAIL_DATA_DIR": str(folder),
        "BLAMETRAIL_DATABASE_URL": database or f"sqlite:///{folder}/bench.sqlite3",
        "BLAMETRAIL_LOG_LEVEL": "ERROR",
    }


def _straying(clock: Clock, skew: timedelta) -> Any:
    """Sentry's clock: back and forth around ours within two days."""

    def now() -> datetime:
        swing = (clock().timestamp() % (2 * 86400)) / 86400 - 1
        return clock() + swing * skew

    return now


def _mortal(stage: Stage) -> None:
    send = httpx.HTTPTransport.handle_request

    def die(request: httpx.Request, side: str) -> None:
        installation = request.url.path.split("/")[4]
        if stage.fate.kills(installation, side):
            # Before: the request that would have been the next one never left.
            stage.killed.add((installation, stage.fate.asked[installation] + (0.5 if side == "before" else 0)))
            raise WorkerDied

    def handle(transport: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        die(request, "before")
        response = send(transport, request)
        response.read()
        die(request, "after")
        return response

    httpx.HTTPTransport.handle_request = handle  # type: ignore[method-assign]  # the one way in from outside


def _connect(stage: Stage, wanted: argparse.Namespace) -> None:
    from blametrail.integrations.sentry import grants
    from blametrail.integrations.sentry.models import Connection, SentryApp, seal
    from blametrail.organizations.models import Organization
    from sentry_sandbox import installs
    from sentry_sandbox.tokens import issue_pair

    world, chance = stage.sandbox.app.state.world, random.Random(wanted.seed)
    app = SentryApp(key="blametrail", base_url=stage.sandbox.url, slug="blametrail", client_id=world.config.client_id)
    app.client_secret_sealed = seal(app, "client_secret_sealed", world.config.client_secret)
    app.save()
    tenant = Organization.objects.create(name="Bench", slug="bench")
    rows = []
    for number in range(wanted.connections):
        # In the middle of their lives, evenly; for an outage, all of them expire within it.
        age = LIFE * 0.7 * chance.random()
        installation, _ = installs.install(world, world.add_organization(f"org-{number}", f"Org {number}"))
        pair = issue_pair(world, installation)
        expires_at = stage.clock() - age + LIFE
        if wanted.outage:
            expires_at = stage.clock() + timedelta(hours=1) * chance.random()
        renew_at = grants.renewal_due(
            grants.TokenPair("", "", stage.clock() - age, expires_at, LIFE, ()), jitter=chance.random()
        )
        row = Connection(
            organization=tenant,
            app=app,
            base_url=app.base_url,
            installation_uuid=installation.uuid,
            sentry_organization_slug=f"org-{number}",
            token_issued_at=stage.clock() - age,
            token_expires_at=expires_at,
            token_version=1,
            renew_at=max(renew_at, stage.clock()),
        )
        row.access_token_sealed = seal(row, "access_token_sealed", pair.token)
        row.refresh_token_sealed = seal(row, "refresh_token_sealed", pair.refresh_token)
        rows.append(row)
    Connection.objects.bulk_create(rows, batch_size=500)


def work(stage: Stage, *, until: datetime) -> None:
    """Be a worker until then: a sweep each minute, and whenever the queue says so."""
    from blametrail.integrations.sentry import metrics, renewals
    from blametrail.jobs import queue

    metrics.LATENESS.observe = stage.late.append  # the exact values, not buckets
    stops_at = time.monotonic() + MOST_REAL_TIME.total_seconds()
    while stage.clock() < until and time.monotonic() < stops_at:
        try:
            renewals.renew_due(clock=stage.clock, pause=stage.clock.pause)
        except WorkerDied:
            renewals._next_call = renewals._NextCall()  # noqa: SLF001 -- the next process knows nothing of this one's
        if _is_called_at_once():
            continue
        called = [task.eta.replace(tzinfo=UTC) for task in queue.huey.scheduled()]
        stage.clock.jump_to(min([until, _next_sweep(stage), *called]))
        queue.huey.read_schedule(stage.clock().replace(tzinfo=None))


def _is_called_at_once() -> bool:
    """Do as a queue's consumer does: put by what is for later; tell whether anything was for now."""
    from blametrail.jobs import queue

    for_now = False
    while (task := queue.huey.dequeue()) is not None:
        if task.eta:
            queue.huey.add_schedule(task)
        else:
            queue.huey.delete("waiting.renewals")
            for_now = True
    return for_now


def _next_sweep(stage: Stage) -> datetime:
    """Return the next sweep at which there may be something to do: of those before, each would find nothing."""
    from django.db.models import Min

    from blametrail.integrations.sentry.models import Connection, State

    alive = Connection.objects.exclude(state=State.DISCONNECTED)
    first = alive.aggregate(first=Min("renew_at"))["first"] or stage.clock()
    passed = max(first, stage.clock() + SWEEP_EVERY) - stage.began
    return stage.began + passed // SWEEP_EVERY * SWEEP_EVERY


def tell(stage: Stage, wanted: argparse.Namespace) -> bool:
    """Print what happened; tell whether it is as it must be."""
    from blametrail.integrations.sentry.models import Connection, State

    granted = [grant for grant in stage.log if grant.granted]
    given_up = Connection.objects.filter(state=State.DISCONNECTED)
    lost = Counter(given_up.values_list("disconnect_reason", flat=True))
    uncalled = _uncalled_for(stage)
    days = (stage.clock() - stage.began) / timedelta(days=1)
    print(f"{wanted.connections} connections, {days:.1f} days")
    print(f"JWT grant {'off' if wanted.no_jwt else 'on'}, {'24.2.0' if wanted.older else 'current'} Sentry")
    print(f"requests {len(stage.log)}, grants {len(granted)}")
    print(f"faults {dict(stage.fate.dealt)}, workers killed {len(stage.killed)}")
    print(f"grants per connection and 6 h: {len(granted) / wanted.connections / (days * 4):.3f}")
    print(f"grants that nothing called for: {uncalled} (must be 0)")
    if len(stage.late) > 1:
        cut = quantiles(stage.late, n=100)
        print(f"lateness p50 {cut[49]:.2f} s, p99 {cut[98]:.2f} s, most {max(stage.late):.2f} s")
    allowed = {"answer_lost"} if wanted.no_jwt or wanted.older else set()
    print(f"connections that need a person: {sum(lost.values())} {dict(lost)} (allowed: {allowed or 'none'})")
    truly = {grant.installation for grant in granted if _was_lost(grant, stage)}
    wrongly = sum(str(each) not in truly for each in given_up.values_list("installation_uuid", flat=True))
    print(f"of those, with no answer that was truly lost: {wrongly} (must be 0)")
    return not (set(lost) - allowed) and uncalled == 0 and wrongly == 0


def _uncalled_for(stage: Stage) -> int:
    """Count grants soon after another to the same installation, unless that one's answer was lost on the way."""
    by_installation: dict[str, list[Grant]] = defaultdict(list)
    for grant in stage.log:
        if grant.granted:
            by_installation[grant.installation].append(grant)
    return sum(
        after.at - before.at < LIFE * 0.6 and not _was_lost(before, stage)
        for each in by_installation.values()
        for before, after in pairwise(each)
    )


def _was_lost(grant: Grant, stage: Stage) -> bool:
    return "after_commit" in grant.fault or (grant.installation, grant.number) in stage.killed


def recover(stage: Stage) -> bool:
    """Let Sentry be down for an hour in which every token expires; tell whether all came back as promised."""
    from django.conf import settings
    from django.db.models import Q

    from blametrail.integrations.sentry.models import Connection, State

    ends_at = stage.clock() + timedelta(hours=1)
    stage.fate.outages.append((stage.clock(), ends_at))
    work(stage, until=ends_at)
    in_vain = len(stage.log)
    invalid = Q(token_expires_at__lte=stage.clock()) | ~Q(failures=0)
    waiting = Connection.objects.filter(invalid).count()
    while Connection.objects.filter(~Q(state=State.DISCONNECTED), token_version=1).exists():
        work(stage, until=stage.clock() + timedelta(seconds=1))
        if stage.clock() > ends_at + timedelta(hours=2):
            break
    answered = [grant.at for grant in stage.log if grant.granted]
    took = max(answered, default=stage.clock()) - ends_at
    # In tens of seconds: a request is seen when it arrives, as many turns late as there are threads.
    busiest = max(Counter((at - ends_at) // timedelta(seconds=10) for at in answered).values(), default=0)
    rate = settings.ENVIRONMENT.sentry_renewals_per_second
    most = rate * 10 + settings.ENVIRONMENT.sentry_renewals_at_once
    lost = Connection.objects.exclude(state=State.CONNECTED).count()
    print(f"after one hour down: {waiting} connections without a valid token; {in_vain} requests in that hour")
    print(
        f"all valid {took.total_seconds():.0f} s after the end; busiest ten seconds {busiest}, configured {rate:g}/s"
    )
    print(f"lost: {lost} (must be 0)")
    return lost == 0 and busiest <= most


def main() -> int:
    wanted, begun = arguments(), time.monotonic()
    random.seed(wanted.seed)  # the jitter of the product itself
    with prepared(wanted) as stage:
        if wanted.outage:
            fine = recover(stage)
        else:
            work(stage, until=stage.began + timedelta(days=wanted.days))
            fine = tell(stage, wanted)
        real = time.monotonic() - begun
        print(f"seed {wanted.seed}, {real:.0f} s of real time, {len(stage.log) / real:.0f} requests/s")
        return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
