"""What people write about incidents."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone

from blametrail.catalog.models import Service
from blametrail.incidents.models import Severity
from blametrail.organizations.models import Organization

COMMENT_LIMIT = 10_000


class ServiceField(forms.ModelChoiceField):  # type: ignore[type-arg]  # generic to the type checker only
    def label_from_instance(self, service: Service) -> str:
        return f"{service.name} · {service.get_environment_display()}"


class IncidentForm(forms.Form):
    service = ServiceField(queryset=Service.objects.none(), empty_label="Choose a service")
    title = forms.CharField(max_length=300, help_text="What is wrong, in one line.")
    severity = forms.ChoiceField(choices=Severity.choices, initial=Severity.ERROR)
    text = forms.CharField(
        label="Description",
        max_length=COMMENT_LIMIT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="What is known so far. It becomes the first entry of the timeline.",
    )
    started_at = forms.DateTimeField(
        label="Began at",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, organization: Organization, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = ZoneInfo(organization.timezone)
        self.now = now
        services = Service.objects.of(organization).active()
        self.fields["service"].queryset = services.order_by("name", "environment")  # type: ignore[attr-defined]  # set on ModelChoiceField only
        self.fields["started_at"].help_text = f"In the time of {organization.timezone}. Left empty, it began now."

    def full_clean(self) -> None:
        # The field reads a time without a zone, and the zone it means is the organization's.
        with timezone.override(self.zone):
            super().full_clean()

    def clean_started_at(self) -> datetime:
        started_at: datetime | None = self.cleaned_data["started_at"]
        if started_at is not None and started_at > self.now:
            raise forms.ValidationError("That is still to come. Say when it began, or leave it empty.")
        return started_at or self.now


class CommentForm(forms.Form):
    text = forms.CharField(
        label="Comment",
        max_length=COMMENT_LIMIT,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "What did you find, what did you do?"}),
        error_messages={"required": "Write something first."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].widget.attrs["data-shortcut"] = "c"
