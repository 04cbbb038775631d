"""The JSON forms of one event: snake_case in webhooks, camelCase over REST."""

import hashlib
from typing import Any

from sentry_sandbox.issue_shapes import api_url, issue_metadata, web_url
from sentry_sandbox.nouns import Event, Issue
from sentry_sandbox.shapes import isoformat, release_shape, webhook_time
from sentry_sandbox.stacktraces import CrashSite, Line, crash_site
from sentry_sandbox.world import World

_EMPTY_FRAME_KEYS = (
    "colno", "data", "errors", "raw_function", "image_addr", "instruction_addr", "addr_mode", "package",
    "platform", "source_link", "symbol", "symbol_addr", "trust", "snapshot", "lock",
)  # fmt: skip


def event_webhook_shape(world: World, issue: Issue, event: Event) -> dict[str, Any]:
    """The stored event as `error.created` and `event_alert.triggered` carry it."""
    site = crash_site(issue)
    return {
        "event_id": event.id,
        "project": issue.project.id,
        "release": event.release.version if event.release else None,
        "dist": None,
        "platform": issue.project.platform,
        "message": "",
        "datetime": webhook_time(event.at),
        "tags": [[key, value] for key, value in _tags(issue, event).items()],
        "_metrics": {"bytes.stored.event": 2261},
        "_ref": issue.project.id,
        "_ref_version": 2,
        "breadcrumbs": {"values": _breadcrumbs(event)},
        "contexts": _contexts(event),
        "culprit": site.culprit,
        "environment": event.environment,
        "exception": {"values": [_exception(issue, site)]},
        "fingerprint": ["{{ default }}"],
        "grouping_config": {
            "enhancements": "KLUv_SAYwQAAkwKRs25ld3N0eWxlOjIwMjMtMDEtMTGQ",
            "id": "newstyle:2023-01-11",
        },
        "hashes": [_digest(issue)],
        "level": event.level,
        "location": site.filename,
        "logger": "",
        "metadata": {key: value for key, value in issue_metadata(world, issue).items() if key != "sdk"},
        "nodestore_insert": event.at.timestamp() + 0.299693,
        "received": event.at.timestamp() + 0.008012,
        "request": {
            "url": "https://shop.example/orders",
            "method": "POST",
            "headers": [["Host", "shop.example"]],
        },
        "sdk": {"name": site.sdk, "version": "2.19.0", "integrations": None, "packages": None},
        "timestamp": event.at.timestamp(),
        "title": issue.title,
        "transaction": site.culprit,
        "type": "error",
        "user": event.user,
        "version": "7",
        "url": _event_url(world, issue, event),
        "web_url": f"{web_url(world, issue)}events/{event.id}/",
        "issue_url": api_url(world, issue),
        "issue_id": str(issue.id),
    }


def event_shape(world: World, issue: Issue, event: Event) -> dict[str, Any]:
    """The event over REST."""
    site = crash_site(issue)
    position = issue.events.index(event)
    tags = [{"key": key, "value": value} for key, value in _tags(issue, event).items()]
    return {
        "id": event.id,
        "groupID": str(issue.id),
        "eventID": event.id,
        "projectID": str(issue.project.id),
        "size": 2261,
        "entries": [
            {"type": "exception", "data": {"values": [_rest_exception(issue, site)]}},
            {"type": "breadcrumbs", "data": {"values": _rest_breadcrumbs(event)}},
        ],
        "dist": None,
        "message": "",
        "title": issue.title,
        "location": site.filename,
        "user": event.user,
        "contexts": _contexts(event),
        "sdk": {"name": site.sdk, "version": "2.19.0"},
        "context": {},
        "packages": {},
        "type": "error",
        "metadata": issue_metadata(world, issue),
        "tags": tags,
        "platform": issue.project.platform,
        "dateCreated": isoformat(event.at),
        "dateReceived": isoformat(event.at),
        "errors": [],
        "occurrence": None,
        "_meta": {},
        "culprit": site.culprit,
        "fingerprints": [_digest(issue)],
        "groupingConfig": {"id": "newstyle:2023-01-11", "enhancements": ""},
        "release": release_shape(issue.project, event.release) if event.release else None,
        "userReport": None,
        "sdkUpdates": [],
        "resolvedWith": [],
        "nextEventID": issue.events[position + 1].id if position + 1 < len(issue.events) else None,
        "previousEventID": issue.events[position - 1].id if position else None,
    }


def _tags(issue: Issue, event: Event) -> dict[str, str]:
    tags = {"environment": event.environment, "level": event.level}
    if event.release:
        tags["release"] = event.release.version
    if event.user:
        tags["user"] = f"id:{event.user['id']}"
    return tags | {"server_name": "web-3", "transaction": crash_site(issue).culprit}


def _exception(issue: Issue, site: CrashSite) -> dict[str, object]:
    return {
        "type": issue.exception_type,
        "value": issue.exception_value,
        "module": "builtins",
        "stacktrace": {"frames": [_frame(line) for line in site.lines]},
    }


def _frame(line: Line) -> dict[str, object]:
    return {
        "function": line.function,
        "module": line.module,
        "filename": line.filename,
        "abs_path": f"/srv/{line.filename}",
        "lineno": line.number,
        "pre_context": list(line.before),
        "context_line": line.code,
        "post_context": list(line.after),
        "in_app": line.is_ours,
        "vars": {"cart": "<Cart 17>"} if line.is_ours else None,
    } | dict.fromkeys(_EMPTY_FRAME_KEYS)


def _rest_exception(issue: Issue, site: CrashSite) -> dict[str, object]:
    return {
        "type": issue.exception_type,
        "value": issue.exception_value,
        "mechanism": None,
        "threadId": None,
        "module": "builtins",
        "stacktrace": {
            "frames": [_rest_frame(line) for line in site.lines],
            "framesOmitted": None,
            "registers": None,
            "hasSystemFrames": True,
        },
        "rawStacktrace": None,
    }


def _rest_frame(line: Line) -> dict[str, object]:
    first = line.number - len(line.before)
    code = [*line.before, line.code, *line.after]
    return {
        "filename": line.filename,
        "absPath": f"/srv/{line.filename}",
        "module": line.module,
        "package": None,
        "platform": None,
        "instructionAddr": None,
        "symbolAddr": None,
        "function": line.function,
        "rawFunction": None,
        "symbol": None,
        "context": [[first + place, text] for place, text in enumerate(code)],
        "lineNo": line.number,
        "colNo": None,
        "inApp": line.is_ours,
        "trust": None,
        "errors": None,
        "lock": None,
        "vars": {"cart": "<Cart 17>"} if line.is_ours else None,
    }


def _breadcrumbs(event: Event) -> list[dict[str, object]]:
    return [
        {
            "timestamp": event.at.timestamp() - 0.8,
            "type": "http",
            "category": "httplib",
            "level": "info",
            "message": None,
            "data": {"url": "https://rates.example/v1", "method": "GET", "status_code": 200},
        }
    ]


def _rest_breadcrumbs(event: Event) -> list[dict[str, object]]:
    return [crumb | {"timestamp": isoformat(event.at), "event_id": None} for crumb in _breadcrumbs(event)]


def _contexts(event: Event) -> dict[str, object]:
    return {
        "runtime": {"name": "CPython", "version": "3.12.4", "type": "runtime"},
        "trace": {"trace_id": event.id, "span_id": event.id[:16], "op": "http.server", "type": "trace"},
    }


def _digest(issue: Issue) -> str:
    return hashlib.sha256(f"{issue.project.id} {issue.title}".encode()).hexdigest()[:32]


def _event_url(world: World, issue: Issue, event: Event) -> str:
    place = f"{issue.organization.slug}/{issue.project.slug}"
    return f"{world.base_url}/api/0/projects/{place}/events/{event.id}/"
