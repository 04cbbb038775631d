"""What a sandbox is told at its start, and what the control API may change later."""

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

LOWEST_RETRIED_STATUS = 500


class Generation(StrEnum):
    """The two Sentry generations that differ in what an integration meets on the wire."""

    CURRENT = "current"
    OLDER = "24.2"


class AppStatus(StrEnum):
    PUBLISHED = "published"
    UNPUBLISHED = "unpublished"


def _new_secret() -> str:
    return secrets.token_hex(32)


@dataclass
class WebhookSettings:
    """How the sender behaves; the defaults are Sentry's own."""

    url: str | None = None
    enabled: bool = True
    duplicate: bool = False
    reorder: bool = False
    wrong_signature: bool = False
    literal_utf8: bool = False
    timeout: timedelta = timedelta(seconds=1)
    retry_interval: timedelta = timedelta(seconds=300)
    retries: int = 3


@dataclass
class Config:
    """One integration ("Sentry app") and the server it is registered at."""

    client_id: str = field(default_factory=_new_secret)
    client_secret: str = field(default_factory=_new_secret)
    app_slug: str = "blametrail"
    app_name: str = "BlameTrail"
    app_status: AppStatus = AppStatus.PUBLISHED
    owner: str = "acme-rockets"
    redirect_url: str | None = None
    scopes: tuple[str, ...] = ("event:read", "event:write", "org:read", "project:read", "project:releases")
    subscribed: frozenset[str] = frozenset({"issue", "error", "comment"})
    is_alertable: bool = True
    verify_install: bool = True
    generation: Generation = Generation.CURRENT
    jwt_grant: bool = True
    # PyJWT refuses an `iat` ahead of its clock since 2.6.0; the Sentry versions read pin 2.4.0.
    jwt_checks_issue_time: bool = False
    passes_state: bool | None = None
    # 24.2.0 was seen to honour one refresh token twice when two requests came at once.
    refresh_race_window: timedelta = timedelta(0)
    token_life: timedelta = timedelta(hours=8)
    grant_life: timedelta = timedelta(minutes=10)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)

    @property
    def is_older(self) -> bool:
        return self.generation is Generation.OLDER

    @property
    def install_page_passes_state(self) -> bool:
        """24.2.0's page was seen to drop the state; a current one passes it on."""
        return not self.is_older if self.passes_state is None else self.passes_state
