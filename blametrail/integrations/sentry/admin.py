"""The operator's pages about Sentry: our registrations, and connections, mappings and deliveries to look things up.

Nothing sealed is on them: binary columns are not editable, and so no form or page of the admin has them.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest

from blametrail.intake.models import Delivery
from blametrail.integrations.sentry import apps_registry
from blametrail.integrations.sentry.models import Connection, ProjectMapping, SentryApp
from blametrail.organizations.admin import LookedAtOnly


class SentryAppForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    base_url = forms.URLField(label="Sentry's address", assume_scheme="https")
    new_client_secret = forms.CharField(
        required=False,
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Written, never shown. Leave empty to keep the one there is; the one before it goes on being "
        "accepted for webhooks.",
    )

    class Meta:
        model = SentryApp
        fields = ["base_url", "slug", "key", "client_id"]

    def clean_base_url(self) -> str:
        address: str = self.cleaned_data["base_url"]
        return address.rstrip("/")

    def clean_new_client_secret(self) -> str:
        secret: str = self.cleaned_data["new_client_secret"]
        if not secret and not self.instance.client_secret_sealed:
            raise forms.ValidationError("A new app needs its client secret.")
        return secret


@admin.register(SentryApp)
class SentryAppAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    form = SentryAppForm
    list_display = ["slug", "base_url", "key", "created_at"]

    def save_model(self, request: HttpRequest, obj: SentryApp, form: Any, change: bool) -> None:  # noqa: ARG002 -- Django's signature
        if secret := form.cleaned_data["new_client_secret"]:
            apps_registry.set_secret(obj, secret)
        obj.save()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- as above
        # Its connections would be left without the secret that renews their tokens.
        return False


@admin.register(Connection)
class ConnectionAdmin(LookedAtOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ["__str__", "organization", "mode", "state", "failures", "renew_at", "proved_at"]
    list_filter = ["state", "mode"]
    list_select_related = ["organization"]
    search_fields = ["sentry_organization_slug", "sentry_organization_name", "organization__name"]
    exclude = ["renewal_claim"]
    formfield_overrides = {
        models.URLField: {"assume_scheme": "https"}
    }  # Django asks until 6.0, even if none is shown


@admin.register(ProjectMapping)
class ProjectMappingAdmin(LookedAtOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ["project_slug", "connection", "service", "is_active", "created_at"]
    list_select_related = ["connection", "service"]
    search_fields = ["project_slug", "connection__sentry_organization_slug", "service__name"]


@admin.register(Delivery)
class DeliveryAdmin(LookedAtOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """All of them, those too that belong to no organization; without their bodies, which may carry grant codes."""

    list_display = ["received_at", "resource", "action", "status", "outcome", "attempts", "endpoint", "sender"]
    list_filter = ["status", "source"]
    search_fields = ["sender", "subject", "project", "outcome"]
    ordering = ["-id"]
    exclude = ["body", "claim"]
    show_full_result_count = False  # the table grows without end, and counting it reads all of it

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        rows: QuerySet[Delivery] = super().get_queryset(request)
        return rows.defer("body")
