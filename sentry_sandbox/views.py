"""The state as the control API and the control page show it."""

from sentry_sandbox.delivery import Attempt
from sentry_sandbox.nouns import Installation, Issue, Organization, Project, TokenPair
from sentry_sandbox.shapes import isoformat
from sentry_sandbox.world import World


def state_view(world: World) -> dict[str, object]:
    return {
        **config_view(world),
        "organizations": [organization_view(world, it) for it in world.organizations],
        "issues": [issue_view(it) for it in world.issues],
        "installations": [installation_view(it) for it in world.installations.values()],
        "faults": faults_view(world),
    }


def config_view(world: World) -> dict[str, object]:
    config, webhooks = world.config, world.config.webhooks
    return {
        "generation": str(config.generation),
        "app": {
            "slug": config.app_slug,
            "uuid": world.app_uuid,
            "status": str(config.app_status),
            "owner": config.owner,
            "client_id": config.client_id,
            "client_secret": config.client_secret,
            "redirect_url": config.redirect_url,
            "scopes": sorted(config.scopes),
            "subscribed": sorted(config.subscribed),
            "jwt_grant": config.jwt_grant,
            "passes_state": config.install_page_passes_state,
        },
        "token_life_seconds": config.token_life.total_seconds(),
        "webhook_settings": {
            "url": webhooks.url,
            "enabled": webhooks.enabled,
            "duplicate": webhooks.duplicate,
            "reorder": webhooks.reorder,
            "wrong_signature": webhooks.wrong_signature,
            "literal_utf8": webhooks.literal_utf8,
            "timeout_seconds": webhooks.timeout.total_seconds(),
            "retry_interval_seconds": webhooks.retry_interval.total_seconds(),
            "retries": webhooks.retries,
        },
    }


def organization_view(world: World, organization: Organization) -> dict[str, object]:
    installation = world.find_installation_in(organization)
    return {
        "id": str(organization.id),
        "slug": organization.slug,
        "name": organization.name,
        "alerts": organization.alerts,
        "alert_rule": organization.alert_rule.name,
        "installation": installation.uuid if installation else None,
        "projects": [project_view(it) for it in organization.projects],
    }


def project_view(project: Project) -> dict[str, object]:
    return {
        "id": str(project.id),
        "slug": project.slug,
        "name": project.name,
        "platform": project.platform,
        "releases": [it.version for it in project.releases],
    }


def issue_view(issue: Issue) -> dict[str, object]:
    return {
        "id": str(issue.id),
        "short_id": issue.short_id,
        "organization": issue.organization.slug,
        "project": issue.project.slug,
        "title": issue.title,
        "level": issue.level,
        "status": issue.status,
        "substatus": issue.substatus,
        "count": len(issue.events),
        "assignee": issue.assignee.name if issue.assignee else None,
        "comments": [{"id": it.id, "text": it.text} for it in issue.comments],
        "external": issue.external.web_url if issue.external else None,
        "last_seen": isoformat(issue.events[-1].at),
    }


def installation_view(installation: Installation) -> dict[str, object]:
    return {
        "uuid": installation.uuid,
        "organization": installation.organization.slug,
        "status": installation.status,
        "code": installation.grant.code if installation.grant else None,
        "token": _token_view(installation.pair) if installation.pair else None,
    }


def _token_view(pair: TokenPair) -> dict[str, object]:
    return {
        "access_token": pair.token,
        "refresh_token": pair.refresh_token,
        "expires_at": isoformat(pair.expires_at),
    }


def faults_view(world: World) -> list[dict[str, object]]:
    return [
        {"on": it.on, "do": it.do, "times": it.times, "installation": it.installation, "headers": it.headers}
        for it in world.faults.rules
    ]


def grants_view(world: World) -> list[dict[str, object]]:
    return [
        {
            "at": isoformat(it.at),
            "kind": it.kind,
            "installation": it.installation,
            "status": it.status,
            "granted": it.granted,
            "fault": it.fault,
            "detail": it.detail,
        }
        for it in world.grants
    ]


def attempt_view(attempt: Attempt) -> dict[str, object]:
    return {
        "id": attempt.id,
        "at": isoformat(attempt.at),
        "resource": attempt.resource,
        "action": attempt.action,
        "installation": attempt.installation,
        "organization": attempt.organization,
        "url": attempt.url,
        "attempt": attempt.number,
        "request_id": attempt.request_id,
        "status": attempt.status,
        "error": attempt.error,
        "duration_ms": attempt.duration_ms,
        "body": attempt.body.decode(),
    }
