"""What people tell us of an organization and of whom they want in it."""

import copy
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django import forms

from blametrail.organizations import founding, roles, slugs
from blametrail.organizations.access import Access
from blametrail.organizations.models import Membership, Organization, Role, validate_timezone


@cache
def timezone_choices() -> list[tuple[str, Any]]:
    """Return the time zones that people know by a place, grouped by region, with UTC first."""
    regions: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(available_timezones()):
        region, slash, place = name.partition("/")
        if slash and region not in {"Etc", "SystemV", "US", "posix", "right"}:
            regions.setdefault(region, []).append((name, place.replace("_", " ").replace("/", ", ")))
    return [("UTC", "UTC"), *regions.items()]


class OrganizationForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    timezone = forms.ChoiceField(
        choices=timezone_choices,
        label="Time zone",
        help_text="All times are shown in it, with the exact time on hover.",
    )

    class Meta:
        model = Organization
        fields = ["name", "slug", "timezone"]
        labels = {"slug": "Address"}
        help_texts = {
            "name": "As your team calls itself, such as Acme.",
            "slug": "The part of every address that is yours: small letters, digits and hyphens.",
        }
        error_messages = {
            "name": {"required": "Give your organization a name."},
            "slug": {
                "unique": "Another organization has this address already. Choose another one.",
                "invalid": "Use small letters, digits and hyphens only.",
            },
        }
        widgets = {
            "name": forms.TextInput(attrs={"autocomplete": "organization"}),
            "slug": forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
        }

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def clean_slug(self) -> str:
        slug: str = self.cleaned_data["slug"].lower()
        if slug in slugs.RESERVED and slug != self.initial.get("slug"):
            raise forms.ValidationError("This address is kept for BlameTrail itself. Choose another one.")
        return slug

    def clean_timezone(self) -> str:
        timezone: str = self.cleaned_data["timezone"]
        validate_timezone(timezone)
        return timezone


class NewOrganizationForm(OrganizationForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False
        self.fields["slug"].help_text += " Leave it empty to have it made from the name."

    def clean_slug(self) -> str:
        name = self.cleaned_data.get("name", "")
        return super().clean_slug() or founding.suggest_slug(name)


class ParticularsForm(OrganizationForm):
    def __init__(self, access: Access, data: Any = None) -> None:
        # A copy, since validation writes into the instance, and a page with errors still links to the old address.
        super().__init__(data, instance=copy.copy(access.organization))
        self.fields["slug"].help_text += " Change it, and every link to your pages made before stops working."


class InvitationForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "placeholder": "name@example.com"}),
    )
    role = forms.ChoiceField(help_text="Admins connect Sentry and configure; members work on incidents.")

    def __init__(self, access: Access, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices(access.role)  # type: ignore[attr-defined]  # a ChoiceField

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class RoleForm(forms.Form):
    """The owner's choice for one member. Who may make it is decided where it is carried out."""

    role = forms.ChoiceField(choices=[(role.value, role.label) for role in (Role.MEMBER, Role.ADMIN)])

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class _MemberChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic at run time
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.user} ({obj.user.email})"


class TransferForm(forms.Form):
    to = _MemberChoiceField(
        queryset=Membership.objects.none(),
        label="New owner",
        empty_label="Choose a member",
        error_messages={"required": "Choose who is to own the organization."},
    )

    def __init__(self, access: Access, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = Membership.objects.of(access.organization).select_related("user").exclude(user=access.user)
        self.fields["to"].queryset = others.order_by("user__name", "user__email")  # type: ignore[attr-defined]  # as above


def role_choices(actor: Role) -> list[tuple[str, str]]:
    return [(role.value, role.label) for role in roles.may_grant(actor)]
