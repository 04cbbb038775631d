"""What people fill in and choose on the Sentry pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from blametrail.catalog.models import Service
from blametrail.intake.models import Status
from blametrail.integrations.sentry import client
from blametrail.integrations.sentry.models import Connection, LedgerKind, ProjectMapping
from blametrail.organizations.models import Organization

RESOURCES = ("issue", "event_alert", "metric_alert", "error", "comment", "installation")
TYPED = "typed"


class ClaimForm(forms.Form):
    """To which of the person's organizations an install belongs. Nothing is chosen for them unless there is one."""

    organization = forms.ChoiceField(widget=forms.RadioSelect, label="Attach it to")

    def __init__(self, organizations: Sequence[Organization], posted: Any = None) -> None:
        only = organizations[0].slug if len(organizations) == 1 else None
        super().__init__(posted, initial={"organization": only})
        self._by_slug = {organization.slug: organization for organization in organizations}
        self.fields["organization"].choices = [(it.slug, it.name) for it in organizations]  # type: ignore[attr-defined]  # a ChoiceField's

    @property
    def has_choice(self) -> bool:
        return bool(self._by_slug)

    def clean_organization(self) -> Organization:
        return self._by_slug[self.cleaned_data["organization"]]


class _Secret(forms.CharField):
    """Shown as dots, and never sent back to the page."""

    def __init__(self, **options: Any) -> None:
        dots = forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"})
        super().__init__(widget=dots, max_length=500, **options)


class InternalForm(forms.Form):
    base_url = forms.ChoiceField(label="Sentry's address")
    organization_slug = forms.SlugField(
        max_length=100,
        label="Sentry organization",
        help_text="Its slug, as in the address: https://<b>acme-rockets</b>.sentry.io or /organizations/"
        "<b>acme-rockets</b>/.",
    )
    token = _Secret(label="Token", help_text="From the integration's page in Sentry, under Tokens.")
    client_secret = _Secret(
        label="Client secret", help_text="From the same page, under Credentials. It proves that webhooks are genuine."
    )

    def __init__(self, hosts: Sequence[str], posted: Any = None) -> None:
        super().__init__(posted)
        if len(hosts) == 1:
            del self.fields["base_url"]
        else:
            self.fields["base_url"].choices = [(host, client.host_of(host)) for host in hosts]  # type: ignore[attr-defined]  # a ChoiceField's
        self._hosts = hosts

    def clean(self) -> dict[str, Any]:
        return {"base_url": self._hosts[0], **self.cleaned_data}


class TokenForm(forms.Form):
    token = _Secret(label="New token", help_text="From the integration's page in Sentry, under Tokens.")
    client_secret = _Secret(
        label="New client secret",
        required=False,
        help_text="Only if it was changed in Sentry, or the connection was disconnected here.",
    )

    def __init__(self, connection: Connection, posted: Any = None) -> None:
        super().__init__(posted)
        if not connection.client_secret_sealed:
            self.fields["client_secret"].required = True
            self.fields["client_secret"].help_text = "It was erased when the connection was disconnected here."


class ServiceChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    def __init__(self) -> None:
        super().__init__(Service.objects.none(), label="Service", empty_label="Choose a service")

    def offer(self, services: QuerySet[Service]) -> None:
        self.queryset = services


@dataclass(frozen=True)
class Option:
    """A project of Sentry's to pick, and the service it is mapped to already, if any."""

    project: client.Project
    mapped_to: str


class MappingForm(forms.Form):
    """A project, picked from Sentry's list or typed, and the service it opens incidents on."""

    project = forms.CharField(required=False, max_length=100)
    typed = forms.SlugField(
        required=False,
        max_length=100,
        label="Slug of the project",
        widget=forms.TextInput(attrs={"aria-label": "Slug of the project", "placeholder": "project-slug"}),
    )
    service = ServiceChoice()

    def __init__(self, services: QuerySet[Service], posted: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(posted, initial=initial)
        self.fields["service"].offer(services)  # type: ignore[attr-defined]  # a ServiceChoice

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        picked = cleaned.get("project", "")
        wanted = cleaned.get("typed", "") if picked in {"", TYPED} else picked
        if not wanted and "typed" not in self.errors:
            self.add_error("typed", ValidationError("Pick a project from the list, or type its slug."))
        return {**cleaned, "wanted": wanted}


class MappingServiceForm(forms.Form):
    service = ServiceChoice()

    def __init__(self, services: QuerySet[Service], mapping: ProjectMapping, posted: Any = None) -> None:
        super().__init__(posted, initial={"service": mapping.service_id})
        self.fields["service"].offer(services)  # type: ignore[attr-defined]  # a ServiceChoice


def _any(label: str, choices: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("", label), *choices]


class LedgerFilter(forms.Form):
    kind = forms.ChoiceField(required=False, choices=_any("Everything", LedgerKind.choices))


class DeliveryFilter(forms.Form):
    status = forms.ChoiceField(required=False, choices=_any("Any status", Status.choices))
    resource = forms.ChoiceField(required=False, choices=_any("Any kind", [(it, it) for it in RESOURCES]))
    connection = forms.ChoiceField(required=False)
    text = forms.CharField(required=False, max_length=100)

    def __init__(self, connections: Sequence[Connection], asked: Any) -> None:
        super().__init__(asked)
        choices = _any("Any connection", [(str(it.pk), str(it)) for it in connections])
        self.fields["connection"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField's
