"""What the engine's tests share: a connection, webhooks as Sentry sends them, and working them off."""

import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from blametrail.catalog.models import Service
from blametrail.intake import deliveries, processing
from blametrail.intake.deliveries import Arrival
from blametrail.intake.models import Delivery
from blametrail.integrations.sentry import processing as sentry
from blametrail.integrations.sentry.models import Connection, ProjectMapping, SentryApp, seal
from blametrail.organizations.models import Organization

SECRET = "blametrail-demo-client-secret"
INSTALLATION = UUID("0b7d2c55-8a4e-4a7b-9f0e-5d1f6a2c9e31")
PROJECT = {"id": "4507123456", "name": "checkout-api", "slug": "checkout-api"}
SENTRY = {"type": "application", "id": "sentry", "name": "Sentry"}
DANA = {"type": "user", "id": 1042, "name": "Dana Reyes"}

Hook = tuple[str, dict[str, Any], datetime]  # resource, body, sent at


def sentry_app(*, key: str = "main", secret: str = SECRET) -> SentryApp:
    app = SentryApp(key=key, base_url="https://sentry.io", slug=f"blametrail-{key}", client_id="id")
    app.client_secret_sealed = seal(app, "client_secret_sealed", secret)
    app.save()
    return app


def connected(organization: Organization, app: SentryApp, *, installation: UUID = INSTALLATION) -> Connection:
    return Connection.objects.create(
        organization=organization,
        app=app,
        base_url=app.base_url,
        installation_uuid=installation,
        sentry_organization_id="4507001",
        sentry_organization_slug="acme-rockets",
        sentry_organization_name="Acme Rockets",
    )


def mapped(connection: Connection, service: Service, *, slug: str = "checkout-api", **fields: Any) -> ProjectMapping:
    fields = {"project_id": PROJECT["id"]} | fields
    return ProjectMapping.objects.create(connection=connection, service=service, project_slug=slug, **fields)


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def envelope(action: str, data: dict[str, Any], *, actor: dict[str, Any] = SENTRY) -> dict[str, Any]:
    return {"action": action, "installation": {"uuid": str(INSTALLATION)}, "data": data, "actor": actor}


def issue(action: str, *, at: datetime, id: str = "901", first_seen: datetime, **fields: Any) -> Hook:  # noqa: A002 -- Sentry's word
    """Return an issue webhook sent at that moment; ``created`` carries when the issue was first seen."""
    extra = {name: fields.pop(name) for name in ("resolution_type", "assignee") if name in fields}
    status = {"resolved": "resolved", "ignored": "ignored", "archived": "ignored"}.get(action, "unresolved")
    body = {
        "id": id,
        "shortId": f"CHECKOUT-API-{id}",
        "title": "KeyError: 'currency'",
        "level": "error",
        "status": status,
        "substatus": {"created": "new", "unresolved": "regressed", "assigned": "ongoing"}.get(action),
        "project": PROJECT,
        "count": "1",
        "userCount": 0,
        "firstSeen": written(first_seen),
        "lastSeen": written(first_seen),
        "assignedTo": None,
    }
    actor = SENTRY if action == "created" else DANA
    return "issue", envelope(action, {"issue": body | fields, **extra}, actor=actor), at


def event(at: datetime, *, event_id: str = "", issue_id: str = "901", **fields: Any) -> dict[str, Any]:
    address = f"https://sentry.io/api/0/projects/acme-rockets/checkout-api/events/{event_id}/"
    return {
        "event_id": event_id or uuid4().hex,
        "issue_id": issue_id,
        "project": int(PROJECT["id"]),
        "title": "KeyError: 'currency'",
        "level": "error",
        "environment": "production",
        "datetime": written(at),
        "url": address,
    } | fields


def event_alert(at: datetime, *, rule: str = "Checkout errors", settings: Any = None, **fields: Any) -> Hook:
    data: dict[str, Any] = {"event": event(at, **fields), "triggered_rule": rule}
    if settings:
        pairs = [{"name": name, "value": value} for name, value in settings.items()]
        data["issue_alert"] = {"id": 1, "title": rule, "sentry_app_id": 1, "settings": pairs}
    return "event_alert", envelope("triggered", data), at + timedelta(seconds=2)


def error(at: datetime, **fields: Any) -> Hook:
    return "error", envelope("created", {"error": event(at, **fields)}), at + timedelta(seconds=2)


def comment(action: str, *, at: datetime, text: str, id: int = 3405, issue_id: int = 901) -> Hook:  # noqa: A002 -- Sentry's word
    data = {"comment_id": id, "issue_id": issue_id, "project_slug": "checkout-api", "comment": text}
    return "comment", envelope(action, data | {"timestamp": written(at)}, actor=DANA), at


def metric_alert(action: str, *, at: datetime, started_at: datetime, **fields: Any) -> Hook:
    status = {"critical": 20, "warning": 10, "resolved": 2}[action]
    alert = {
        "id": "90211",
        "identifier": "58",
        "projects": ["checkout-api"],
        "alert_rule": {"id": "733", "name": "Checkout error rate", "environment": "production", "triggers": []},
        "status": status,
        "title": "Checkout error rate",
        "date_started": written(started_at),
        "date_closed": written(at) if action == "resolved" else None,
    }
    data = {"metric_alert": alert | fields, "description_text": "412 events in the last 10 minutes", "web_url": ""}
    return "metric_alert", envelope(action, data), at


def body_of(hook: Hook) -> bytes:
    return json.dumps(hook[1], separators=(",", ":")).encode()


def arrival(hook: Hook, *, endpoint: str = "main") -> Arrival:
    resource, _, sent_at = hook
    headers = {"sentry-hook-resource": resource, "sentry-hook-timestamp": str(int(sent_at.timestamp()))}
    return Arrival(source="sentry", endpoint=endpoint, resource=resource, headers=headers, body=body_of(hook))


def store(*hooks: Hook, endpoint: str = "main") -> list[Delivery]:
    """Store the webhooks as if each had arrived a second after it was sent."""
    return [
        deliveries.store([arrival(hook, endpoint=endpoint)], now=hook[2] + timedelta(seconds=1))[0] for hook in hooks
    ]


def work_off() -> None:
    far_ahead = datetime.fromisoformat("2100-01-01T00:00:00Z")
    processing.work_off(sentry.process, lambda: far_ahead)


def receive(*hooks: Hook, endpoint: str = "main") -> list[Delivery]:
    """Store and process the webhooks one after the other; return the deliveries with what became of them."""
    rows = []
    for hook in hooks:
        rows += store(hook, endpoint=endpoint)
        work_off()
    return list(Delivery.objects.filter(pk__in=[row.pk for row in rows]).order_by("id"))


def outcomes(rows: Iterable[Delivery]) -> list[str]:
    return [row.outcome for row in rows]
