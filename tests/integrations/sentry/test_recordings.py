"""Every webhook recorded from a real Sentry verifies, and leads to what it should."""

import asyncio
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from blametrail.catalog.models import Service
from blametrail.incidents.models import Incident
from blametrail.intake import deliveries, processing
from blametrail.intake.deliveries import Arrival
from blametrail.intake.models import Delivery
from blametrail.intake.receivers import Accepted, Refused
from blametrail.integrations.sentry import facts, payloads
from blametrail.integrations.sentry import processing as sentry
from blametrail.integrations.sentry.models import Connection, Mode, ProjectMapping, SentryApp, seal
from blametrail.integrations.sentry.receiver import SentryReceiver

FOLDER = Path(__file__).parents[2] / "recordings" / "webhooks"
PUBLIC_SECRET = "e14835d4d5f363e353c7bc0a6c57f69092f99b128d7ac784bdbf3e82889792a4"
INTERNAL_SECRET = "86c486f2cce356062c4e424c52f82b38e5281bd79c76db43731ba96a694b7220"
INTERNAL = UUID(int=7)
OF_ACME, OF_GLOBEX = UUID("fbcd21ae-bc82-4c32-a9a3-fe1b6131adbe"), UUID("5bb9a2ac-aba7-40e1-b7e1-0625eb2e40bd")


@dataclass(frozen=True)
class Recording:
    name: str
    endpoint: str
    headers: dict[str, str]
    body: bytes

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.headers["sentry-hook-timestamp"]), tz=UTC)


def _read(name: str) -> Recording:
    head = (FOLDER / f"{name}.http").read_bytes().partition(b"\r\n\r\n")[0].decode()
    headers = {key.lower(): value for key, value in re.findall(r"^([\w-]+): (.*?)\r?$", head, flags=re.MULTILINE)}
    endpoint = "public" if "/hooks/sentry" in head.splitlines()[0] else str(INTERNAL)
    return Recording(name, endpoint, headers, (FOLDER / f"{name}.body").read_bytes())


# In the order of their arrival: the kind of fact, and the outcome.
EXPECTED = {
    "0001_installation_created": (facts.InstallationChanged, "installed"),
    "0003_event_alert_triggered": (facts.EventAlert, "opened"),
    "0004_error_created": (facts.ErrorEvent, "no_incident"),
    "0005_error_created": (facts.ErrorEvent, "repeated"),
    "0006_issue_created": (facts.IssueChanged, "opened"),
    "0007_issue_created": (facts.IssueChanged, "told"),
    "0009_issue_assigned": (facts.IssueChanged, "told"),
    "0011_issue_assigned": (facts.IssueChanged, "told"),
    "0013_issue_resolved": (facts.IssueChanged, "resolved"),
    "0015_issue_resolved": (facts.IssueChanged, "told"),
    "0017_issue_resolved": (facts.IssueChanged, "told"),
    "0019_issue_ignored": (facts.IssueChanged, "told"),
    "0026_comment_created": (facts.CommentChanged, "told"),
    "0027_comment_created": (facts.CommentChanged, "told"),
    "0029_comment_updated": (facts.CommentChanged, "told"),
    "0031_comment_deleted": (facts.CommentChanged, "told"),
    "0034_error_created": (facts.ErrorEvent, "no_incident"),
    "0035_issue_created": (facts.IssueChanged, "opened"),
    "0036_issue_resolved": (facts.IssueChanged, "resolved"),
    "0049_installation_deleted": (facts.InstallationChanged, "uninstalled"),
    "0062_installation_deleted": (facts.InstallationChanged, "unknown_installation"),
}
RECORDINGS = [_read(name) for name in EXPECTED]
each = pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)


def test_no_recording_is_left_out():
    assert sorted(path.stem for path in FOLDER.glob("*.body")) == sorted(EXPECTED)


@pytest.fixture
def app(db) -> SentryApp:
    app = SentryApp(key="public", base_url="http://127.0.0.1:19000", slug="blametrail", client_id="id")
    app.client_secret_sealed = seal(app, "client_secret_sealed", PUBLIC_SECRET)
    app.save()
    return app


@pytest.fixture
def internal(acme) -> Connection:
    connection = Connection(id=INTERNAL, organization=acme, mode=Mode.INTERNAL, base_url="http://127.0.0.1:19000")
    connection.client_secret_sealed = seal(connection, "client_secret_sealed", INTERNAL_SECRET)
    connection.save()
    return connection


SECRETS = {"public": (PUBLIC_SECRET,), str(INTERNAL): (INTERNAL_SECRET,)}


def _verify(recording: Recording, body: bytes) -> Accepted | Refused:
    receiver = SentryReceiver(look_up=SECRETS.__getitem__)
    return asyncio.run(receiver.verify(recording.endpoint, recording.headers, body))


@each
def test_every_recorded_signature_verifies_and_no_longer_does_once_a_byte_is_changed(recording):
    changed = recording.body[:-1] + b"]"

    resource = recording.headers["sentry-hook-resource"]
    sender = re.search(rb'"installation": ?{"uuid": ?"([0-9a-f-]{36})"', recording.body)
    assert sender
    assert _verify(recording, recording.body) == Accepted(resource, sender=sender[1].decode())
    assert _verify(recording, changed).status == 401


@each
def test_every_recorded_webhook_is_read(recording):
    webhook = payloads.parse(
        resource=recording.headers["sentry-hook-resource"],
        headers=recording.headers,
        body=recording.body,
        received_at=recording.sent_at + timedelta(seconds=1),
    )

    assert type(webhook.fact) is EXPECTED[recording.name][0]


def _connect(app, organization, installation, organization_slug, **project):
    connection = Connection.objects.create(
        organization=organization,
        app=app,
        base_url=app.base_url,
        installation_uuid=installation,
        sentry_organization_slug=organization_slug,
    )
    _map(connection, **project)
    return connection


def _map(connection, *, slug, id_=""):
    service, _ = Service.objects.get_or_create(organization=connection.organization, name="web")
    ProjectMapping.objects.create(connection=connection, project_slug=slug, project_id=id_, service=service)


def _receive(recording: Recording) -> None:
    received_at = recording.sent_at + timedelta(seconds=1)
    arrival = Arrival(
        source="sentry",
        endpoint=recording.endpoint,
        resource=recording.headers["sentry-hook-resource"],
        headers=recording.headers,
        body=recording.body,
    )
    deliveries.store([arrival], now=received_at)
    # What came before its incident is due again later on, and the table tells the first outcome of each.
    processing.work_off(sentry.process, lambda: received_at)


def test_the_recorded_story_makes_one_incident_for_each_connection(app, internal, acme, malice_inc):
    _connect(app, acme, OF_ACME, "acme", slug="acme-web")
    _connect(app, malice_inc, OF_GLOBEX, "globex", slug="globex-site", id_="4")
    _map(internal, slug="acme-web", id_="2")
    first = {}

    for recording in RECORDINGS:
        _receive(recording)
        newest = Delivery.objects.latest("id")
        first[recording.name] = newest.outcome

    assert first == {name: outcome for name, (_, outcome) in EXPECTED.items()}
    assert set(Incident.objects.values_list("organization__slug", "status")) == {
        ("acme", "resolved"),
        ("acme", "open"),
        ("malice-inc", "resolved"),
    }
