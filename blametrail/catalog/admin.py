"""The operator's page about services: to look things up."""

from django.contrib import admin

from blametrail.catalog.models import Service
from blametrail.organizations.admin import LookedAtOnly


@admin.register(Service)
class ServiceAdmin(LookedAtOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ["name", "organization", "environment", "type", "archived_at"]
    list_filter = ["environment", "type"]
    search_fields = ["name", "organization__name"]
    list_select_related = ["organization"]
