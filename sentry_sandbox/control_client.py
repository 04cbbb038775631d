"""A typed client of the control API, one method per call."""

from typing import Any, cast

import httpx
import msgspec

from sentry_sandbox.trust import certificates


class MadeError(msgspec.Struct, frozen=True):
    """The issue that the errors went to, and the ids of the new events."""

    issue: str
    short_id: str
    events: tuple[str, ...]


class Installed(msgspec.Struct, frozen=True):
    """An installation and the address its browser would be sent to."""

    uuid: str
    redirect: str
    code: str | None


class Grant(msgspec.Struct, frozen=True):
    """One request at the token endpoint.

    `status` and `granted` tell what Sentry did, whatever a fault made of the answer; a request
    that a fault kept from Sentry has the fault's own status, or 0 for a dropped connection.
    """

    at: str
    kind: str
    installation: str
    status: int
    granted: bool
    fault: str | None
    detail: str | None


class Webhook(msgspec.Struct, frozen=True):
    """One attempt to deliver a webhook."""

    id: int
    at: str
    resource: str
    action: str
    installation: str
    organization: str
    url: str
    attempt: int
    request_id: str
    status: int | None
    error: str | None
    duration_ms: float
    body: str


class ControlError(RuntimeError):
    """The sandbox did not do what it was asked; the text says why."""


class ControlClient:
    def __init__(self, url: str, *, timeout: float = 30.0) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=certificates())

    def close(self) -> None:
        self._http.close()

    def state(self) -> dict[str, Any]:
        return self._call("GET", "state")

    def reset(self) -> None:
        self._post("reset")

    def make_error(
        self,
        organization: str,
        project: str,
        title: str = "KeyError: 'currency'",
        *,
        level: str = "error",
        times: int = 1,
        environment: str = "production",
        user: dict[str, str] | None = None,
        release: str | None = None,
    ) -> MadeError:
        reply = self._post(
            "errors",
            organization=organization,
            project=project,
            title=title,
            level=level,
            times=times,
            environment=environment,
            user=user,
            release=release,
        )
        return MadeError(reply["issue"]["id"], reply["issue"]["short_id"], tuple(reply["events"]))

    def resolve(self, issue: str, *, how: str = "now", release: str | None = None) -> None:
        """`how` is `now`, `in_next_release` or `in_release`."""
        self._post(f"issues/{issue}/resolve", how=how, release=release)

    def archive(self, issue: str, *, substatus: str = "archived_forever") -> None:
        self._post(f"issues/{issue}/archive", substatus=substatus)

    def unresolve(self, issue: str) -> None:
        self._post(f"issues/{issue}/unresolve")

    def assign(self, issue: str, to: str = "me") -> None:
        """`to` is `me`, `team`, or empty to unassign."""
        self._post(f"issues/{issue}/assign", to=to)

    def comment(self, issue: str, text: str) -> int:
        return int(self._post(f"issues/{issue}/comments", text=text)["comment"])

    def edit_comment(self, issue: str, comment: int, text: str) -> None:
        self._post(f"issues/{issue}/comments/{comment}/edit", text=text)

    def delete_comment(self, issue: str, comment: int) -> None:
        self._post(f"issues/{issue}/comments/{comment}/delete")

    def alert_metric(
        self, organization: str, project: str, *, name: str = "Checkout error rate", level: str = "critical"
    ) -> None:
        """`level` is `critical`, `warning` or `resolved`."""
        self._post("metric-alerts", organization=organization, project=project, name=name, level=level)

    def add_organization(
        self, slug: str, name: str | None = None, *, projects: list[str] | None = None, alerts: bool = True
    ) -> dict[str, Any]:
        reply = self._post("organizations", slug=slug, name=name, projects=projects or [], alerts=alerts)
        return cast("dict[str, Any]", reply["organization"])

    def rename_organization(self, organization: str, *, slug: str | None = None, name: str | None = None) -> None:
        self._post(f"organizations/{organization}/rename", slug=slug, name=name)

    def set_alerts(
        self,
        organization: str,
        *,
        alerts: bool = True,
        rule: str | None = None,
        settings: list[dict[str, Any]] | None = None,
    ) -> None:
        """`settings` are those of the alert-rule UI component; None means the rule does not use it."""
        self._post(f"organizations/{organization}/alerts", alerts=alerts, rule=rule, settings=settings)

    def add_project(self, organization: str, slug: str, *, platform: str = "python") -> None:
        self._post(f"organizations/{organization}/projects", slug=slug, platform=platform)

    def rename_project(
        self, organization: str, project: str, *, slug: str | None = None, name: str | None = None
    ) -> None:
        self._post(f"organizations/{organization}/projects/{project}/rename", slug=slug, name=name)

    def add_release(self, organization: str, project: str, version: str) -> None:
        self._post(f"organizations/{organization}/projects/{project}/releases", version=version)

    def install(self, organization: str, *, state: str | None = None) -> Installed:
        """Install as a person would on the page, without a browser."""
        reply = self._post("installations", organization=organization, state=state)
        installation = reply["installation"]
        return Installed(installation["uuid"], reply["redirect"], installation["code"])

    def uninstall(self, installation: str) -> None:
        self._post(f"installations/{installation}/uninstall")

    def set_token_life(self, seconds: float) -> None:
        """Applies to tokens issued from now on."""
        self._post("token-life", seconds=seconds)

    def expire_token(self, installation: str) -> None:
        self._post("tokens/expire", installation=installation)

    def expire_grant(self, installation: str) -> None:
        self._post("grants/expire", installation=installation)

    def set_generation(self, generation: str) -> None:
        """`generation` is `current` or `24.2`."""
        self._post("generation", generation=generation)

    def set_app(self, **changes: object) -> None:
        """Takes the fields of commands.SetApp, such as `jwt_grant=False`."""
        self._post("app", **changes)

    def set_webhooks(self, **changes: object) -> None:
        """Takes the fields of commands.SetWebhooks, such as `duplicate=True`."""
        self._post("webhooks", **changes)

    def add_fault(
        self,
        on: str,
        do: str,
        *,
        times: int | None = 1,
        installation: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self._post("faults", on=on, do=do, times=times, installation=installation, headers=headers or {})

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def grants(self) -> list[Grant]:
        return msgspec.convert(self._call("GET", "grants")["grants"], list[Grant])

    def webhooks(self) -> list[Webhook]:
        return msgspec.convert(self._call("GET", "webhooks")["webhooks"], list[Webhook])

    def replay(self, webhook: int, *, exact: bool = False) -> Webhook:
        """Send a logged body again, freshly signed or with every old header."""
        return msgspec.convert(self._post("webhooks/replay", id=webhook, exact=exact)["webhook"], Webhook)

    def settle(self, seconds: float = 5.0, *, with_retries: bool = False) -> bool:
        """Wait until no webhook is on its way; return whether that came in time."""
        return bool(self._post("webhooks/settle", seconds=seconds, with_retries=with_retries)["settled"])

    def _post(self, path: str, **fields: object) -> dict[str, Any]:
        return self._call("POST", path, fields)

    def _call(self, method: str, path: str, fields: dict[str, object] | None = None) -> dict[str, Any]:
        response = self._http.request(method, f"/_control/{path}", json=fields if method == "POST" else None)
        if not response.is_success:
            raise ControlError(response.text)
        return cast("dict[str, Any]", response.json())
