"""What a person tells us of themselves when signing up."""

from typing import Any

from django import forms
from django.http import HttpRequest

from blametrail.accounts.models import User


class SignUpForm(forms.Form):
    name = forms.CharField(max_length=120, label="Your name", help_text="As your team knows you.")
    field_order = ["name", "email", "password1"]

    def signup(self, request: HttpRequest, user: User) -> Any:  # noqa: ARG002 -- allauth's signature
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
