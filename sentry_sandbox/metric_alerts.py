"""Metric alert webhooks in the legacy form that Sentry still sends."""

from dataclasses import dataclass

from sentry_sandbox.announcements import Announcement
from sentry_sandbox.issues import say
from sentry_sandbox.nouns import Organization, Project
from sentry_sandbox.shapes import webhook_time
from sentry_sandbox.world import World

STATUSES = {"critical": 20, "warning": 10, "resolved": 2}
_THRESHOLDS = {"critical": 300.0, "warning": 150.0}


@dataclass(frozen=True)
class MetricAlert:
    name: str
    level: str


def announce(world: World, organization: Organization, project: Project, alert: MetricAlert) -> list[Announcement]:
    now = webhook_time(world.now())
    incident = _incident_id(organization, alert)
    page = f"{world.base_url}/organizations/{organization.slug}"
    facts: dict[str, object] = {
        "description_text": "412 events in the last 10 minutes",
        "description_title": f"{alert.level.capitalize()}: {alert.name}",
        "web_url": f"{page}/alerts/rules/details/733/?alert={incident}",
        "metric_alert": {
            "id": str(90_000 + incident),
            "identifier": str(incident),
            "organization_id": str(organization.id),
            "projects": [project.slug],
            "alert_rule": _rule(world, organization, project, alert),
            "activities": None,
            "seen_by": None,
            "has_seen": None,
            "status": STATUSES[alert.level],
            "status_method": 3,
            "type": 2,
            "title": alert.name,
            "date_started": now,
            "date_detected": now,
            "date_created": now,
            "date_closed": now if alert.level == "resolved" else None,
        },
    }
    return say(world, organization, ("metric_alert", alert.level), facts)


def _incident_id(organization: Organization, alert: MetricAlert) -> int:
    # The same alert keeps its incident from critical to resolved.
    return sum(map(ord, f"{organization.id}{alert.name}")) % 10_000


def _rule(world: World, organization: Organization, project: Project, alert: MetricAlert) -> dict[str, object]:
    created = webhook_time(organization.created_at)
    return {
        "id": "733",
        "name": alert.name,
        "organization_id": str(organization.id),
        "status": 0,
        "query_type": 0,
        "dataset": "events",
        "query": "level:error",
        "aggregate": "count()",
        "threshold_type": 0,
        "resolve_threshold": None,
        "time_window": 10.0,
        "environment": "production",
        "resolution": 1.0,
        "threshold_period": 1,
        "triggers": [_trigger(world, created, label, place) for place, label in enumerate(_THRESHOLDS)],
        "projects": [project.slug],
        "include_all_projects": False,
        "owner": None,
        "original_alert_rule_id": None,
        "comparison_delta": None,
        "date_modified": created,
        "date_created": created,
        "created_by": None,
    }


def _trigger(world: World, created: str, label: str, place: int) -> dict[str, object]:
    action = {
        "id": str(2210 + place),
        "alert_rule_trigger_id": str(1201 + place),
        "type": "sentry_app",
        "target_type": "sentry_app",
        "target_identifier": world.app_id,
        "input_channel_id": None,
        "integration_id": None,
        "sentry_app_id": world.app_id,
        "date_created": created,
        "desc": f"Send a notification via {world.config.app_name}",
    }
    return {
        "id": str(1201 + place),
        "alert_rule_id": "733",
        "label": label,
        "threshold_type": 0,
        "alert_threshold": _THRESHOLDS[label],
        "resolve_threshold": None,
        "date_created": created,
        "actions": [action],
    }
