"""What happens to issues: errors arrive, people and integrations act, and webhooks follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

from sentry_sandbox.announcements import SENTRY_ACTOR, Announcement, envelope
from sentry_sandbox.event_shapes import event_webhook_shape
from sentry_sandbox.issue_shapes import issue_webhook_shape
from sentry_sandbox.nouns import (
    Activity,
    AlertRule,
    Comment,
    Event,
    Issue,
    Organization,
    Person,
    Project,
    Release,
    Team,
)
from sentry_sandbox.shapes import user_actor, webhook_time
from sentry_sandbox.world import World


@dataclass(frozen=True)
class ErrorReport:
    """What an SDK would have sent."""

    title: str = "KeyError: 'currency'"
    level: str = "error"
    environment: str = "production"
    user: Mapping[str, str] | None = None
    release: str | None = None


def record_error(
    world: World, organization: Organization, project: Project, report: ErrorReport
) -> tuple[Issue, list[Announcement]]:
    """Add one event to its issue, which may be new or come back by it."""
    issue = _issue_for(world, project, report.title)
    is_new = issue is None
    issue = issue or world.new_issue(organization, project, title=report.title, level=report.level)
    event = Event(
        id=uuid4().hex,
        at=world.now(),
        level=report.level,
        environment=report.environment,
        release=_release(world, project, report.release),
        user=dict(report.user) if report.user else {"id": "u_551", "email": "mika@shop.example"},
    )
    issue.events.append(event)
    # This order was seen at a real server: the alert comes before the issue that caused it.
    said = _say_event(world, issue, event, with_alert=is_new)
    if is_new:
        said += _say_frozen(world, issue, "created")
    elif issue.status == "resolved":
        said += _regress(world, issue)
    return issue, said


def resolve(
    world: World, issue: Issue, actor: Mapping[str, object], *, how: str = "now", release: str | None = None
) -> list[Announcement]:
    issue.status, issue.substatus = "resolved", None
    newest = issue.project.releases[-1].version if issue.project.releases else None
    issue.resolution = {} if how == "now" else {"inRelease": release or newest}
    issue.resolved_by = None if how == "now" else world.person
    _note(world, issue, "set_resolved")
    return _say(world, issue, "resolved", actor, {"resolution_type": how})


def archive(
    world: World, issue: Issue, actor: Mapping[str, object], *, substatus: str = "archived_forever"
) -> list[Announcement]:
    issue.status, issue.substatus = "ignored", substatus
    _note(world, issue, "set_ignored")
    # The documentation says `archived`; what was seen on the wire is `ignored`.
    return _say(world, issue, "ignored", actor)


def unresolve(world: World, issue: Issue, actor: Mapping[str, object]) -> list[Announcement]:
    return _reopen(world, issue, actor, substatus="ongoing", activity="set_unresolved")


def assign(
    world: World, issue: Issue, actor: Mapping[str, object], assignee: Person | Team | None
) -> list[Announcement]:
    issue.assignee = assignee
    if assignee is None:
        _note(world, issue, "unassigned")
        return []  # Unassigning sends nothing (sentry#105593).
    _note(world, issue, "assigned")
    shape: dict[str, object] = {"type": "team", "name": assignee.name, "id": assignee.id}
    if isinstance(assignee, Person):
        shape |= {"type": "user", "email": assignee.email}
    return _say(world, issue, "assigned", actor, {"assignee": shape})


def comment(world: World, issue: Issue, actor: Mapping[str, object], text: str) -> tuple[Comment, list[Announcement]]:
    note = Comment(world.next_id(), text, world.person, world.now())
    issue.comments.append(note)
    return note, _say_comment(world, issue, note, "created", actor)


def edit_comment(
    world: World, issue: Issue, actor: Mapping[str, object], note: Comment, text: str
) -> list[Announcement]:
    note.text = text
    return _say_comment(world, issue, note, "updated", actor)


def delete_comment(world: World, issue: Issue, actor: Mapping[str, object], note: Comment) -> list[Announcement]:
    issue.comments.remove(note)
    return _say_comment(world, issue, note, "deleted", actor)


def _issue_for(world: World, project: Project, title: str) -> Issue | None:
    return next((it for it in world.issues if it.project is project and it.title == title), None)


def _release(world: World, project: Project, version: str | None) -> Release | None:
    if version is None:
        return project.releases[-1] if project.releases else None
    known = next((it for it in project.releases if it.version == version), None)
    return known or world.add_release(project, version)


def _regress(world: World, issue: Issue) -> list[Announcement]:
    return _reopen(world, issue, SENTRY_ACTOR, substatus="regressed", activity="set_regression")


def _reopen(
    world: World, issue: Issue, actor: Mapping[str, object], *, substatus: str, activity: str
) -> list[Announcement]:
    issue.status, issue.substatus = "unresolved", substatus
    issue.resolution, issue.resolved_by = {}, None
    _note(world, issue, activity)
    # 24.2.0 was seen to say nothing, neither of a regression nor of a click on "unresolve".
    return [] if world.config.is_older else _say(world, issue, "unresolved", actor)


def _note(world: World, issue: Issue, kind: str) -> None:
    issue.activity.append(Activity(world.next_id(), kind, world.now(), world.person, {}))


def _say(
    world: World,
    issue: Issue,
    action: str,
    actor: Mapping[str, object],
    extra: Mapping[str, object] | None = None,
) -> list[Announcement]:
    installation = world.find_installation_in(issue.organization)
    if installation is None or "issue" not in world.config.subscribed:
        return []

    def build() -> dict[str, object] | None:
        # Read anew for every attempt, so a retry shows the issue as it is by then.
        if installation.uuid not in world.installations:
            return None
        shape = issue_webhook_shape(world, issue, action)
        return envelope(action, installation, {**(extra or {}), "issue": shape}, dict(actor))

    return [Announcement("issue", action, installation, build)]


def _say_frozen(world: World, issue: Issue, action: str) -> list[Announcement]:
    facts: dict[str, object] = {"issue": issue_webhook_shape(world, issue, action)}
    return say(world, issue.organization, ("issue", action), facts)


def _say_event(world: World, issue: Issue, event: Event, *, with_alert: bool) -> list[Announcement]:
    shape = event_webhook_shape(world, issue, event)
    said: list[Announcement] = []
    if with_alert and issue.organization.alerts and world.config.is_alertable:
        rule = issue.organization.alert_rule
        facts = {"event": shape, "triggered_rule": rule.name, **_component_settings(world, rule)}
        said += say(world, issue.organization, ("event_alert", "triggered"), facts)
    return said + say(world, issue.organization, ("error", "created"), {"error": shape})


def _component_settings(world: World, rule: AlertRule) -> dict[str, object]:
    if rule.settings is None:
        return {}
    settings = {"id": rule.id, "title": rule.name, "sentry_app_id": world.app_id, "settings": rule.settings}
    return {"issue_alert": settings}


def _say_comment(
    world: World, issue: Issue, note: Comment, action: str, actor: Mapping[str, object]
) -> list[Announcement]:
    facts: dict[str, object] = {
        "comment_id": note.id,
        "issue_id": issue.id,
        "project_slug": issue.project.slug,
        "timestamp": webhook_time(note.created_at),
        "comment": note.text,
    }
    return say(world, issue.organization, ("comment", action), facts, actor)


def say(
    world: World,
    organization: Organization,
    subject: tuple[str, str],
    facts: dict[str, object],
    actor: Mapping[str, object] | None = None,
) -> list[Announcement]:
    """Announce facts as they are now; a retry repeats them unchanged."""
    resource, action = subject
    installation = world.find_installation_in(organization)
    if installation is None or not _is_wanted(world, resource):
        return []
    payload = envelope(action, installation, facts, dict(actor or SENTRY_ACTOR))
    return [Announcement(resource, action, installation, lambda: payload)]


def acting_person(world: World) -> dict[str, object]:
    return user_actor(world.person)


def _is_wanted(world: World, resource: str) -> bool:
    if resource in {"event_alert", "metric_alert"}:
        return world.config.is_alertable
    return resource in world.config.subscribed
