"""The operator's pages about organizations: to look things up; changing them is their owners' business."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from blametrail.organizations.models import AuditEntry, Invitation, Membership, Organization


class LookedAtOnly:
    """No rule of the product can be broken from the operator's pages if nothing can be changed there."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 -- as above
        return False


class MembershipInline(LookedAtOnly, admin.TabularInline):  # type: ignore[type-arg]  # not generic at run time
    model = Membership
    fields = ["user", "role", "joined_at"]


@admin.register(Organization)
class OrganizationAdmin(LookedAtOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ["name", "slug", "timezone", "created_at"]
    search_fields = ["name", "slug"]
    ordering = ["-created_at"]
    inlines = [MembershipInline]


@admin.register(Invitation)
class InvitationAdmin(LookedAtOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ["email", "organization", "role", "created_at", "expires_at", "accepted_at"]
    search_fields = ["email", "organization__name"]
    list_select_related = ["organization"]
    exclude = ["token_hash"]


@admin.register(AuditEntry)
class AuditEntryAdmin(LookedAtOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ["at", "organization", "actor_name", "verb", "subject"]
    search_fields = ["organization__name", "actor_name", "verb", "subject"]
    list_select_related = ["organization"]
    ordering = ["-at"]
    show_full_result_count = False  # the table grows without end, and counting it reads all of it
