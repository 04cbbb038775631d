"""The operator's pages about people: who has an account, who may open these pages, who is locked out."""

import allauth.mfa.admin  # noqa: F401 -- registers what is unregistered below, whatever the order of the apps
from allauth.account.decorators import secure_admin_login
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest

from blametrail.accounts.models import User

admin.site.site_title = admin.site.site_header = "BlameTrail for operators"
admin.site.index_title = "This installation"
admin.site.site_url = "/"
# Through our own sign-in, so that the second step and the counting of attempts hold here too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # as allauth documents

admin.site.unregister([Group, Authenticator])  # operators need no groups, and must not read anyone's second factor


@admin.register(User)
class UserAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    list_display = ["email", "name", "is_active", "is_staff", "last_login", "date_joined"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "name"]
    ordering = ["-date_joined"]
    fields = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login", "date_joined"]
    # The address changes only where it is confirmed, by its owner.
    readonly_fields = ["email", "last_login", "date_joined"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 -- Django's signature
        return False  # people sign up, so that their address is confirmed

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:  # noqa: ARG002 -- as above
        return False  # deactivated instead, since their name stands in incidents and audit logs


@admin.register(Authenticator)
class AuthenticatorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Where an operator removes the second factor of somebody who has lost it, without seeing it."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    search_fields = ["user__email"]
    fields = ["user", "type", "created_at", "last_used_at"]
    readonly_fields = ["user", "type", "created_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 -- Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: Authenticator | None = None) -> bool:  # noqa: ARG002 -- as above
        return False
