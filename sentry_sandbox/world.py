"""Everything one sandbox remembers.

The state is touched only from the server's event loop and never across an await,
so it needs no lock; other threads come in by HTTP.
"""

import itertools
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from typing import TypeVar

from sentry_sandbox.config import Config
from sentry_sandbox.faults import Faults
from sentry_sandbox.nouns import (
    AlertRule,
    GrantRecord,
    Installation,
    Issue,
    Organization,
    Person,
    Project,
    Release,
    Team,
    TokenPair,
)

Named = TypeVar("Named", Organization, Project)

LOG_LENGTH = 500
SENTRY_USER = Person(1042, "Dana Reyes", "dana@acme.example")


def read_clock() -> datetime:
    return datetime.now(UTC)


class World:
    def __init__(self, config: Config, *, clock: Callable[[], datetime] = read_clock) -> None:
        self._original = deepcopy(config)
        self.now = clock
        self.base_url = "http://127.0.0.1"
        self.clear()

    def clear(self) -> None:
        """Forget everything, as a new start would."""
        self.config = deepcopy(self._original)
        self.faults = Faults()
        self.app_uuid = str(uuid.uuid4())
        self.app_id = 8123
        self.person = SENTRY_USER
        self.organizations: list[Organization] = []
        self.issues: list[Issue] = []
        self.installations: dict[str, Installation] = {}
        self.tokens: dict[str, TokenPair] = {}
        self.refresh_tokens: dict[str, TokenPair] = {}
        self.spent_at: dict[str, datetime] = {}
        self.grants: deque[GrantRecord] = deque(maxlen=LOG_LENGTH)
        self._small_ids = itertools.count(3401)
        self._issue_ids = itertools.count(5817720011, 37)
        self._project_ids = itertools.count(4507123456001024, 4096)
        self._organization_ids = itertools.count(4507001234100224, 65536)

    def next_id(self) -> int:
        return next(self._small_ids)

    def add_organization(self, slug: str, name: str, *, alerts: bool = True) -> Organization:
        now = self.now()
        organization = Organization(
            id=next(self._organization_ids),
            slug=slug,
            name=name,
            created_at=now,
            team=Team(self.next_id(), slug, name, now),
            alert_rule=AlertRule(self.next_id(), f"Send new errors to {self.config.app_name}"),
            alerts=alerts,
        )
        self.organizations.append(organization)
        return organization

    def add_project(self, organization: Organization, slug: str, platform: str = "python") -> Project:
        project = Project(next(self._project_ids), slug, slug, platform, self.now())
        organization.projects.append(project)
        self.add_release(project, f"{slug}@1.0.0")
        return project

    def add_release(self, project: Project, version: str) -> Release:
        release = Release(self.next_id(), version, self.now())
        project.releases.append(release)
        return release

    def new_issue(self, organization: Organization, project: Project, *, title: str, level: str) -> Issue:
        kind, _, value = title.partition(": ")
        number = sum(issue.project is project for issue in self.issues) + 1
        issue = Issue(next(self._issue_ids), number, organization, project, kind, value, level)
        self.issues.append(issue)
        return issue

    def find_organization(self, id_or_slug: str) -> Organization | None:
        return _find(self.organizations, id_or_slug, by_id=not self.config.is_older)

    def find_project(self, organization: Organization, id_or_slug: str) -> Project | None:
        return _find(organization.projects, id_or_slug, by_id=not self.config.is_older)

    def find_issue(self, issue_id: str) -> Issue | None:
        return next((issue for issue in self.issues if str(issue.id) == issue_id), None)

    def find_installation_in(self, organization: Organization) -> Installation | None:
        return next((it for it in self.installations.values() if it.organization is organization), None)

    def find_token(self, token: str) -> TokenPair | None:
        return self.tokens.get(token)

    def installation_of(self, token: str) -> Installation | None:
        return next((it for it in self.installations.values() if it.pair and it.pair.token == token), None)

    def projects(self) -> Iterator[tuple[Organization, Project]]:
        for organization in self.organizations:
            for project in organization.projects:
                yield organization, project

    def record_grant(self, record: GrantRecord) -> None:
        self.grants.append(record)


def _find(things: list[Named], id_or_slug: str, *, by_id: bool) -> Named | None:
    for thing in things:
        if thing.slug == id_or_slug or (by_id and str(thing.id) == id_or_slug):
            return thing
    return None
