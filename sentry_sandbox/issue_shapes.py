"""The JSON forms of issues, over REST and in webhooks."""

from datetime import datetime, timedelta
from typing import Any

from sentry_sandbox.nouns import Issue, Person, Team
from sentry_sandbox.shapes import isoformat, release_shape, user_shape, webhook_time
from sentry_sandbox.stacktraces import crash_site
from sentry_sandbox.world import World


def issue_shape(world: World, issue: Issue) -> dict[str, Any]:
    """The base fields, the same over REST and in webhooks up to dates and links."""
    shape: dict[str, Any] = {
        "id": str(issue.id),
        "shareId": None,
        "shortId": issue.short_id,
        "title": issue.title,
        "culprit": crash_site(issue).culprit,
        "permalink": web_url(world, issue),
        "logger": None,
        "level": issue.level,
        "status": issue.status,
        "statusDetails": _status_details(issue),
        "substatus": issue.substatus,
        "isPublic": False,
        "platform": issue.project.platform,
        "project": _project_reference(issue),
        "type": "error",
        "metadata": issue_metadata(world, issue),
        "numComments": len(issue.comments),
        "assignedTo": _assigned_to(issue.assignee),
        "isBookmarked": False,
        "isSubscribed": False,
        "subscriptionDetails": None,
        "hasSeen": False,
        "annotations": [],
        "issueType": "error",
        "issueCategory": "error",
        "isUnhandled": issue.level in {"error", "fatal"},
        "count": str(len(issue.events)),
        "userCount": len({event.user["id"] for event in issue.events if event.user}),
        "firstSeen": isoformat(issue.events[0].at),
        "lastSeen": isoformat(issue.events[-1].at),
    }
    return shape if world.config.is_older else shape | _current_fields(issue)


def issue_detail_shape(world: World, issue: Issue) -> dict[str, Any]:
    first, last = issue.events[0].release, issue.events[-1].release
    return issue_shape(world, issue) | {
        "firstRelease": release_shape(issue.project, first) if first else None,
        "lastRelease": release_shape(issue.project, last) if last else None,
        "tags": [],
        "activity": _activity(issue),
        "seenBy": [],
        "pluginActions": [],
        "pluginIssues": [],
        "pluginContexts": [],
        "userReportCount": 0,
        "stats": _stats(world.now(), issue),
        "participants": [],
    }


def issue_webhook_shape(world: World, issue: Issue, action: str) -> dict[str, Any]:
    shape = issue_shape(world, issue)
    for seen, event in (("firstSeen", issue.events[0]), ("lastSeen", issue.events[-1])):
        # Current Sentry writes the offset out in `created` and a Z everywhere else.
        is_plain = world.config.is_older or action != "created"
        shape[seen] = webhook_time(event.at) if is_plain else event.at.isoformat(timespec="microseconds")
    if world.config.is_older:
        return shape | {"permalink": None}
    project_url = f"{world.base_url}/organizations/{issue.organization.slug}/issues/?project={issue.project.id}"
    return {
        "url": api_url(world, issue),
        "web_url": web_url(world, issue),
        "project_url": project_url,
    } | shape


def web_url(world: World, issue: Issue) -> str:
    return f"{world.base_url}/organizations/{issue.organization.slug}/issues/{issue.id}/"


def api_url(world: World, issue: Issue) -> str:
    if world.config.is_older:
        return f"{world.base_url}/api/0/issues/{issue.id}/"
    return f"{world.base_url}/api/0/organizations/{issue.organization.slug}/issues/{issue.id}/"


def issue_metadata(world: World, issue: Issue) -> dict[str, object]:
    site = crash_site(issue)
    metadata: dict[str, object] = {
        "value": issue.exception_value,
        "type": issue.exception_type,
        "filename": site.filename,
        "function": site.function,
        "in_app_frame_mix": "in-app-only",
        "sdk": {"name": site.sdk, "name_normalized": site.sdk},
    }
    extra = {"display_title_with_tree_label": False} if world.config.is_older else {"initial_priority": 75}
    return metadata | extra


def _current_fields(issue: Issue) -> dict[str, object]:
    return {
        "priority": "high" if issue.level in {"error", "fatal"} else "medium",
        "priorityLockedAt": None,
        "seerFixabilityScore": None,
        "seerAutofixLastTriggered": None,
    }


def _project_reference(issue: Issue) -> dict[str, object]:
    project = issue.project
    return {"id": str(project.id), "name": project.name, "slug": project.slug, "platform": project.platform}


def _status_details(issue: Issue) -> dict[str, object]:
    if issue.resolved_by is None:
        return dict(issue.resolution)
    # Resolving in a release gives the resolver's whole user record away.
    return {**issue.resolution, "actor": user_shape(issue.resolved_by)}


def _assigned_to(assignee: Person | Team | None) -> dict[str, object] | None:
    if isinstance(assignee, Person):
        return {"email": assignee.email, "type": "user", "id": str(assignee.id), "name": assignee.name}
    return {"type": "team", "id": str(assignee.id), "name": assignee.slug} if assignee else None


def _activity(issue: Issue) -> list[dict[str, object]]:
    first: dict[str, object] = {
        "id": "0",
        "user": None,
        "type": "first_seen",
        "data": {"priority": None},
        "dateCreated": isoformat(issue.events[0].at),
    }
    later: list[dict[str, object]] = [
        {
            "id": str(it.id),
            "user": user_shape(it.person) if it.person else None,
            "type": it.type,
            "data": it.facts,
            "dateCreated": isoformat(it.at),
        }
        for it in issue.activity
    ]
    return [*reversed(later), first]


def _stats(now: datetime, issue: Issue) -> dict[str, list[list[int]]]:
    return {
        "24h": _buckets(now, issue, timedelta(hours=1), 25),
        "30d": _buckets(now, issue, timedelta(days=1), 31),
    }


def _buckets(now: datetime, issue: Issue, width: timedelta, number: int) -> list[list[int]]:
    seconds = int(width.total_seconds())
    last = int(now.timestamp()) // seconds * seconds
    starts = [last - seconds * back for back in reversed(range(number))]
    times = [event.at.timestamp() for event in issue.events]
    return [[start, sum(start <= at < start + seconds for at in times)] for start in starts]
