"""What people tell us of a service."""

import copy
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from blametrail.catalog.models import Service
from blametrail.catalog.registering import NameTaken
from blametrail.organizations.access import Access


class ServiceForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    url = forms.URLField(
        label="URL",
        required=False,
        assume_scheme="https",
        help_text="Where it answers, if anywhere.",
        error_messages={"invalid": "Write the whole address, such as https://checkout.example.com."},
        widget=forms.URLInput(attrs={"placeholder": "https://checkout.example.com"}),
    )

    class Meta:
        model = Service
        fields = ["name", "environment", "type", "url", "repository"]
        help_texts = {
            "name": "As your team calls it, such as checkout.",
            "environment": "The same service in another environment is a service of its own.",
        }
        error_messages = {
            "name": {"required": "Give the service a name."},
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "off"}),
            "repository": forms.TextInput(
                attrs={"placeholder": "owner/repo", "autocapitalize": "none", "spellcheck": "false"}
            ),
        }

    def __init__(self, access: Access, data: Any = None, *, service: Service | None = None) -> None:
        # A copy, since validation writes into the instance, and a page with errors still names the service.
        instance = copy.copy(service) if service else Service(organization=access.organization)
        super().__init__(data, instance=instance)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        name, environment = self.cleaned_data.get("name"), self.cleaned_data.get("environment")
        namesakes = Service.objects.of(self.instance.organization).active().exclude(pk=self.instance.pk)
        if self.instance.archived_at is None and namesakes.filter(name=name, environment=environment).exists():
            self.add_error("name", ValidationError(NameTaken.__doc__ or ""))
        return cleaned
