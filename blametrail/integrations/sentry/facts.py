"""What Sentry's webhooks say, as types: everything past ``payloads`` sees these and never a dictionary."""

from datetime import datetime
from uuid import UUID

import msgspec


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that Sentry says. ``actor`` is the name of whoever made it so, as Sentry shows it."""

    action: str
    actor: str = ""


class InstallationChanged(Fact, frozen=True, kw_only=True):
    """Our app was installed in, or removed from, a Sentry organization: ``created`` or ``deleted``."""

    installation_uuid: UUID
    sentry_organization_slug: str
    sentry_organization_id: str


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A Sentry project, by whatever of its names the payload carries; empty where it does not."""

    id: str = ""
    slug: str = ""
    name: str = ""


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    short_id: str
    title: str
    level: str
    status: str
    substatus: str
    project: Project
    url: str
    count: int
    user_count: int
    first_seen: datetime
    last_seen: datetime
    assignee_id: str
    assignee_name: str


class IssueChanged(Fact, frozen=True, kw_only=True):
    """``action`` is created, resolved, ignored, unresolved or assigned.

    ``happened_at`` is when the issue was first seen for ``created``. Otherwise it is when this was sent, which is
    also when Sentry wrote the issue's state into it.
    """

    issue: Issue
    happened_at: datetime
    resolution: str = ""
    assignee_id: str = ""
    assignee_name: str = ""

    @property
    def is_stale(self) -> bool:
        """Test whether the issue had changed again when this was sent: a retry carries the issue as it is by then."""
        if self.action == "assigned":
            return bool(self.assignee_id and self.issue.assignee_id and self.assignee_id != self.issue.assignee_id)
        says = {"resolved": "resolved", "ignored": "ignored", "unresolved": "unresolved"}.get(self.action)
        return bool(says and self.issue.status and self.issue.status != says)


class EventAlert(Fact, frozen=True, kw_only=True):
    """An issue alert rule fired for an event."""

    event_id: str
    issue_id: str
    project: Project
    title: str
    level: str
    environment: str
    rule: str
    web_url: str
    settings: dict[str, str]
    happened_at: datetime


class ErrorEvent(Fact, frozen=True, kw_only=True):
    """One more event of an issue."""

    event_id: str
    issue_id: str
    project: Project
    level: str
    happened_at: datetime


class MetricAlert(Fact, frozen=True, kw_only=True):
    """A metric alert is critical, warning or resolved, as ``action`` says. ``happened_at`` is when it became so."""

    identifier: str
    rule: str
    project_slugs: list[str]
    environment: str
    description: str
    web_url: str
    settings: dict[str, str]
    is_closed: bool
    started_at: datetime
    happened_at: datetime

    @property
    def is_stale(self) -> bool:
        """Test whether the alert was over when this was sent."""
        return self.is_closed and self.action != "resolved"


class CommentChanged(Fact, frozen=True, kw_only=True):
    """Someone wrote, changed or removed a comment on an issue: ``created``, ``updated`` or ``deleted``."""

    comment_id: str
    issue_id: str
    project: Project
    text: str
    happened_at: datetime


class Unknown(Fact, frozen=True, kw_only=True):
    """A kind of webhook that means nothing to us."""


class Unreadable(Fact, frozen=True, kw_only=True):
    """Authentic, and yet not what Sentry is known to send."""

    reason: str


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook: what it is about, which installation sent it, and what it says."""

    resource: str
    sender: UUID | None
    fact: Fact
