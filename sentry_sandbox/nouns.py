"""The things a Sentry keeps: organizations, projects, issues, events, installations, tokens."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Person:
    id: int
    name: str
    email: str


@dataclass(frozen=True)
class Team:
    id: int
    slug: str
    name: str
    created_at: datetime


@dataclass(frozen=True)
class Commit:
    id: str
    message: str
    author: Person
    created_at: datetime
    files: tuple[str, ...] = ()


@dataclass
class Release:
    id: int
    version: str
    created_at: datetime
    commits: list[Commit] = field(default_factory=list)


@dataclass
class Project:
    id: int
    slug: str
    name: str
    platform: str
    created_at: datetime
    releases: list[Release] = field(default_factory=list)


@dataclass
class AlertRule:
    """The issue alert that tells the integration; settings are there when it uses our UI component."""

    id: int
    name: str
    settings: list[dict[str, object]] | None = None


@dataclass
class Organization:
    id: int
    slug: str
    name: str
    created_at: datetime
    team: Team
    alert_rule: AlertRule
    alerts: bool = True
    projects: list[Project] = field(default_factory=list)


@dataclass(frozen=True)
class Event:
    id: str
    at: datetime
    level: str
    environment: str
    release: Release | None
    user: dict[str, str] | None


@dataclass
class Comment:
    id: int
    text: str
    author: Person
    created_at: datetime


@dataclass(frozen=True)
class Activity:
    id: int
    type: str
    at: datetime
    person: Person | None
    facts: dict[str, object]


@dataclass
class ExternalIssue:
    id: int
    web_url: str
    project: str
    identifier: str


@dataclass
class Issue:
    id: int
    number: int
    organization: Organization
    project: Project
    exception_type: str
    exception_value: str
    level: str
    status: str = "unresolved"
    substatus: str | None = "new"
    resolution: dict[str, object] = field(default_factory=dict)
    resolved_by: Person | None = None
    assignee: Person | Team | None = None
    events: list[Event] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    activity: list[Activity] = field(default_factory=list)
    external: ExternalIssue | None = None
    first_release: Release | None = None

    @property
    def title(self) -> str:
        return f"{self.exception_type}: {self.exception_value}" if self.exception_value else self.exception_type

    @property
    def short_id(self) -> str:
        return f"{self.project.slug.upper()}-{self.number}"


@dataclass(frozen=True)
class GrantCode:
    code: str
    expires_at: datetime


@dataclass
class TokenPair:
    id: int
    token: str
    refresh_token: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime


@dataclass
class Installation:
    uuid: str
    organization: Organization
    status: str
    created_at: datetime
    grant: GrantCode | None
    pair: TokenPair | None = None


@dataclass(frozen=True)
class GrantRecord:
    """One request at the token endpoint.

    `status` and `granted` tell what Sentry did, whatever a fault made of the answer; a request
    that a fault kept from Sentry has the fault's own status, or 0 for a dropped connection.
    """

    at: datetime
    kind: str
    installation: str
    status: int
    granted: bool
    fault: str | None
    detail: str | None
