"""What a person tells us of themselves when signing up."""

from typing import Any

from allauth.core import context as current
from django import forms
from django.conf import settings
from django.http import HttpRequest

from blametrail.accounts.adapter import INVITED_AS
from blametrail.accounts.models import User


class SignUpForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        label="Your name",
        help_text="As your team knows you.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order = ["name", "email", "password1"]

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        email = self.cleaned_data.get("email", "")  # allauth's part of the form
        if not settings.ENVIRONMENT.sign_up and email != current.request.session.get(INVITED_AS, "").lower():
            self.add_error("email", "Sign-up is by invitation here. Use the address that was invited.")
        return cleaned

    def signup(self, request: HttpRequest, user: User) -> Any:  # noqa: ARG002 -- allauth's signature
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
