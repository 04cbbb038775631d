"""What an operator sets: BLAMETRAIL_* variables, read once, checked at start, told in one line each."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)

from blametrail.lib import encryption

PREFIX = "BLAMETRAIL_"
FILE_SUFFIX = "_FILE"


class Misconfigured(Exception):
    """The settings cannot be used. ``problems`` has one line for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def web_address(value: str) -> str:
    """Return a web address without the slash at its end. Raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be a web address such as https://blametrail.example")
    return value.rstrip("/")


def _keys(value: object) -> object:
    if isinstance(value, str):
        return [encryption.parse_key(written) for written in value.split(",") if written.strip()]
    return value


WebAddress = Annotated[str, BeforeValidator(web_address)]


def _is_postgresql(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in {"postgresql", "postgres"} and len(parts.path) > 1 and (parts.port or 1) > 0
    except ValueError:  # the port is no number
        return False


class Environment(BaseModel):
    """Every setting, its default and its bounds. ``docs/operating.md`` explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: WebAddress
    secret_key: SecretStr = Field(min_length=32)
    encryption_keys: Annotated[list[encryption.Key], BeforeValidator(_keys)] = Field(min_length=1)

    data_dir: Path = Path("var")
    database_url: str = ""
    database_pool: int = Field(default=8, ge=1, le=200)
    allowed_hosts: str = ""
    trusted_proxies: int = Field(default=0, ge=0, le=5)

    email_url: str = "console:"
    email_from: str = "BlameTrail <blametrail@localhost>"
    sign_up: bool = True

    sentry_base_url: WebAddress = "https://sentry.io"
    sentry_app_slug: str = Field(default="", pattern=r"^[a-z0-9_-]*$")
    sentry_client_id: str = ""
    sentry_client_secret: SecretStr = SecretStr("")

    # Half of the smallest limit seen in Sentry's own answers (40 a second), since others use the same host; still
    # 10,000 connections within ten minutes.
    sentry_renewals_per_second: float = Field(default=20, ge=1, le=1000)
    # Sentry was seen to take 15 seconds for a renewal: with fewer in flight, a few slow ones would hold up all.
    sentry_renewals_at_once: int = Field(default=16, ge=1, le=64)
    web_processes: int = Field(default=1, ge=1, le=64)
    worker_threads: int = Field(default=4, ge=1, le=64)
    delivery_max_bytes: int = Field(default=10 * 1024 * 1024, ge=64 * 1024, le=100 * 1024 * 1024)
    spool_max_bytes: int = Field(default=256 * 1024 * 1024, ge=0, le=1024**4)
    delivery_retention_days: int = Field(default=30, ge=1, le=3650)
    metrics_token: SecretStr = SecretStr("")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")

    @field_validator("base_url")
    @classmethod
    def _at_the_root(cls, value: str) -> str:
        if urlsplit(value).path:
            raise ValueError("must end with the host or port: BlameTrail has a host name of its own and no path")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        is_file = value.startswith("sqlite:///") and value != "sqlite:///"
        if value and not is_file and not _is_postgresql(value):
            raise ValueError("must be sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/NAME")
        return value

    @field_validator("email_url")
    @classmethod
    def _known_email(cls, value: str) -> str:
        if urlsplit(value).scheme not in {"console", "smtp", "smtps", "file"}:
            raise ValueError("must begin with console:, file:, smtp:// or smtps://")
        return value


def read(variables: Mapping[str, str]) -> Environment:
    """Return the settings in ``variables``. Raises Misconfigured with a line for each fault."""
    problems: list[str] = []
    given: dict[str, Any] = {}
    for name, value in sorted(variables.items()):
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX).lower()
        if name.endswith(FILE_SUFFIX) and field not in Environment.model_fields:
            field = field.removesuffix(FILE_SUFFIX.lower())
            try:
                value = Path(value).read_text().strip()  # noqa: PLW2901 -- from here on, the file's content is the value
            except (OSError, UnicodeDecodeError) as error:
                problems.append(f"{name}: the file cannot be read ({type(error).__name__}).")
                continue
        if field in given:
            problems.append(f"{name}: given twice, once directly and once as a file.")
        given[field] = value
    try:
        environment = Environment.model_validate(given)
    except ValidationError as error:
        problems += [_line(fault) for fault in error.errors(include_input=False, include_url=False)]
        raise Misconfigured(problems) from None
    problems += _inconsistencies(environment)
    if problems:
        raise Misconfigured(problems)
    return environment


def _line(fault: Any) -> str:
    field = str(fault["loc"][0])
    name = PREFIX + field.upper()
    if fault["type"] == "missing":
        return f"{name}: is not set, and BlameTrail cannot start without it. {_HINTS.get(field, '')}".rstrip()
    if fault["type"] == "extra_forbidden":
        return f"{name}: is not a setting of BlameTrail. {_did_you_mean(field)}"
    reason = fault["msg"].removeprefix("Value error, ")
    return f"{name}: {reason[:1].lower()}{reason[1:]}"


def _did_you_mean(field: str) -> str:
    alike = difflib.get_close_matches(field, Environment.model_fields, n=1)
    return f"Did you mean {PREFIX}{alike[0].upper()}?" if alike else "See docs/operating.md for the list."


_HINTS = {
    "encryption_keys": "Make one with: blametrail keys generate",
    "secret_key": "Any 32 or more random characters.",
    "base_url": "The address people open, such as https://blametrail.example",
}


def _inconsistencies(environment: Environment) -> list[str]:
    app = {
        "SENTRY_APP_SLUG": bool(environment.sentry_app_slug),
        "SENTRY_CLIENT_ID": bool(environment.sentry_client_id),
        "SENTRY_CLIENT_SECRET": bool(environment.sentry_client_secret.get_secret_value()),
    }
    problems = []
    if any(app.values()) and not all(app.values()):
        missing = ", ".join(PREFIX + name for name, is_set in app.items() if not is_set)
        problems.append(f"{missing}: must be set too, since the other settings of the Sentry app are.")
    names = [key.name for key in environment.encryption_keys]
    if len(set(names)) != len(names):
        problems.append(f"{PREFIX}ENCRYPTION_KEYS: two keys have the same name.")
    return problems
