"""What the control API can be asked to do, parsed from JSON or from a form."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import msgspec

from sentry_sandbox.config import AppStatus, Generation

MOST_ERRORS_AT_ONCE = 10_000

Command = TypeVar("Command", bound=msgspec.Struct)


class MakeErrors(msgspec.Struct):
    """`project` is a slug, or `organization/project` in one, as a form's single choice."""

    project: str
    organization: str = ""
    title: str = "KeyError: 'currency'"
    level: str = "error"
    times: Annotated[int, msgspec.Meta(ge=1, le=MOST_ERRORS_AT_ONCE)] = 1
    environment: str = "production"
    user: dict[str, str] | None = None
    release: str | None = None


class Resolve(msgspec.Struct):
    how: str = "now"
    release: str | None = None


class Archive(msgspec.Struct):
    substatus: str = "archived_forever"


class Assign(msgspec.Struct):
    """`to` is `me`, `team`, or empty to unassign."""

    to: str = "me"


class WriteComment(msgspec.Struct):
    text: str


class MakeMetricAlert(msgspec.Struct):
    project: str
    organization: str = ""
    name: str = "Checkout error rate"
    level: str = "critical"


class AddOrganization(msgspec.Struct):
    slug: str
    name: str | None = None
    projects: list[str] = []
    alerts: bool = True


class AddProject(msgspec.Struct):
    slug: str
    platform: str = "python"


class AddRelease(msgspec.Struct):
    version: str


class Rename(msgspec.Struct):
    slug: str | None = None
    name: str | None = None


class SetAlerts(msgspec.Struct):
    alerts: bool | None = None
    rule: str | None = None
    settings: list[dict[str, Any]] | None = None


class Install(msgspec.Struct):
    organization: str
    state: str | None = None


class Of(msgspec.Struct):
    installation: str


class SetTokenLife(msgspec.Struct):
    seconds: float


class SetGeneration(msgspec.Struct):
    generation: Generation


class SetApp(msgspec.Struct):
    """Only what is given changes."""

    app_status: AppStatus | None = None
    owner: str | None = None
    redirect_url: str | None = None
    client_secret: str | None = None
    jwt_grant: bool | None = None
    jwt_checks_issue_time: bool | None = None
    passes_state: bool | None = None
    verify_install: bool | None = None
    is_alertable: bool | None = None
    scopes: tuple[str, ...] | None = None
    subscribed: frozenset[str] | None = None
    refresh_race_window_seconds: float | None = None
    grant_life_seconds: float | None = None


class SetWebhooks(msgspec.Struct):
    """Only what is given changes."""

    url: str | None = None
    enabled: bool | None = None
    duplicate: bool | None = None
    reorder: bool | None = None
    wrong_signature: bool | None = None
    literal_utf8: bool | None = None
    timeout_seconds: float | None = None
    retry_interval_seconds: float | None = None
    retries: int | None = None


class MakeFault(msgspec.Struct):
    on: str
    do: str
    times: int | None = 1
    installation: str | None = None
    headers: dict[str, str] = {}


class Replay(msgspec.Struct):
    id: int
    exact: bool = False


class Settle(msgspec.Struct):
    seconds: float = 5.0
    with_retries: bool = False


class Nothing(msgspec.Struct):
    pass


def parse(kind: type[Command], fields: Mapping[str, object]) -> Command:
    """Return the command, or raise msgspec.ValidationError; numbers and booleans may be text, as in forms."""
    return msgspec.convert(fields, kind, strict=False)


def apply_changes(target: object, changes: msgspec.Struct) -> None:
    """Set what the command names on the settings; `…_seconds` becomes a duration."""
    for name, value in msgspec.structs.asdict(changes).items():
        if value is None:
            continue
        is_duration = name.endswith("_seconds")
        setattr(target, name.removesuffix("_seconds"), timedelta(seconds=value) if is_duration else value)
