"""The pages on which people found, join, change and leave organizations."""

import uuid
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from blametrail.organizations import access as door
from blametrail.organizations import audit, founding, invitations, membership, queries, roles
from blametrail.organizations.access import Access
from blametrail.organizations.forms import (
    InvitationForm,
    NewOrganizationForm,
    ParticularsForm,
    RoleForm,
    TransferForm,
)
from blametrail.organizations.models import AuditEntry, Membership, Role

require_get_or_post = require_http_methods(["GET", "HEAD", "POST"])


@login_required
@require_get_or_post
def organization_new(request: HttpRequest) -> HttpResponse:
    """Let a person found an organization, or join one that waits for them. Whoever has none yet is taken here."""
    form = NewOrganizationForm(request.POST or None, initial={"timezone": _likely_timezone(request)})
    if request.method == "POST" and form.is_valid():
        try:
            access = founding.found(request.user, **form.cleaned_data)  # type: ignore[arg-type]  # login_required
        except founding.SlugTaken as taken:
            form.add_error("slug", str(taken))
        else:
            messages.success(request, f"{access.organization} is ready. Connect Sentry next, or invite your team.")
            return redirect("organization_home", organization=access.organization.slug)
    waiting = invitations.waiting_for(request.user, now=now())  # type: ignore[arg-type]  # login_required
    return render(request, "organizations/new.html", {"form": form, "invitations": waiting})


@login_required
@require_GET
def slug_suggestion(request: HttpRequest) -> HttpResponse:
    """Answer with the address field, filled in from the name unless the person has written an address already."""
    name, written = request.GET.get("name", ""), request.GET.get("slug", "")
    is_untouched = written in {"", request.GET.get("suggested", "")}
    suggested = founding.suggest_slug(name) if name.strip() else ""
    slug = suggested if is_untouched else written
    form = NewOrganizationForm(initial={"slug": slug})
    return render(request, "organizations/_slug.html", {"field": form["slug"], "suggested": suggested})


@door.for_members
@require_GET
def organization_home(_request: HttpRequest, access: Access) -> HttpResponse:
    return redirect("incidents", organization=access.organization.slug)


@door.for_members
@require_get_or_post
def organization_settings(request: HttpRequest, access: Access) -> HttpResponse:
    """Show what the organization is called; members read, owners and admins change."""
    if request.method == "POST" and not access.may_configure:
        raise PermissionDenied("Only an owner or an admin of this organization can do that.")
    form = ParticularsForm(access, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            organization = founding.change(access, **form.cleaned_data)
        except founding.SlugTaken as taken:
            form.add_error("slug", str(taken))
        else:
            messages.success(request, "Saved.")
            return redirect("organization_settings", organization=organization.slug)
    return render(request, "organizations/settings.html", {"form": form})


@door.for_members
@require_GET
def members(request: HttpRequest, access: Access) -> HttpResponse:
    return _members_page(request, access, InvitationForm(access))


def _members_page(request: HttpRequest, access: Access, form: InvitationForm) -> HttpResponse:
    facts = {
        "members": queries.members_of(access),
        "invitations": queries.invitations_of(access, now=now()),
        "form": form,
    }
    return render(request, "organizations/members.html", facts)


@door.for_admins
@require_POST
def member_role(request: HttpRequest, access: Access, member: int) -> HttpResponse:
    subject = _member(access, member)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the roles.")
        return redirect("members", organization=access.organization.slug)
    try:
        membership.change_role(access, subject, role=form.cleaned_data["role"])
    except (membership.NotAllowed, membership.NoLongerAMember) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{subject.user} is now {form.cleaned_data['role'].label.lower()}.")
    return redirect("members", organization=access.organization.slug)


@door.for_admins
@require_get_or_post
def member_remove(request: HttpRequest, access: Access, member: int) -> HttpResponse:
    subject = _member(access, member)
    if not roles.may_remove(access.role, current=Role(subject.role)):
        raise PermissionDenied("Your role does not allow removing this person.")
    if request.method != "POST":
        return render(request, "organizations/member_remove.html", {"member": subject})
    try:
        membership.remove(access, subject)
    except (membership.NotAllowed, membership.NoLongerAMember) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{subject.user} is no longer a member of {access.organization}.")
    return redirect("members", organization=access.organization.slug)


def _member(access: Access, number: int) -> Membership:
    members = Membership.objects.of(access.organization).select_related("user")
    member: Membership = get_object_or_404(members, pk=number)
    return member


@door.for_members
@require_get_or_post
def leave(request: HttpRequest, access: Access) -> HttpResponse:
    if request.method != "POST":
        may_leave = roles.may_leave(access.role)
        return render(request, "organizations/leave.html", {"may_leave": may_leave}, status=200 if may_leave else 409)
    try:
        membership.leave(access)
    except membership.OwnerStays as refusal:
        messages.error(request, str(refusal))
        return redirect("organization_leave", organization=access.organization.slug)
    messages.success(request, f"You have left {access.organization}.")
    return redirect("home")


@door.for_admins
@require_get_or_post
def transfer(request: HttpRequest, access: Access) -> HttpResponse:
    if not roles.may_transfer_ownership(access.role):
        raise PermissionDenied("Only the owner can hand on the ownership.")
    form = TransferForm(access, request.POST or None)
    if request.method == "POST" and form.is_valid():
        heir = form.cleaned_data["to"]
        try:
            membership.transfer_ownership(access, to=heir)
        except (membership.NotAllowed, membership.NoLongerAMember) as refusal:
            form.add_error("to", str(refusal))
        else:
            messages.success(request, f"{heir.user} owns {access.organization} now. You are an admin.")
            return redirect("members", organization=access.organization.slug)
    return render(request, "organizations/transfer.html", {"form": form})


@door.for_admins
@require_GET
def audit_log(request: HttpRequest, access: Access) -> HttpResponse:
    group = request.GET.get("about", "")
    try:
        older_than = uuid.UUID(request.GET["older_than"]) if "older_than" in request.GET else None
        page = audit.page(access.organization, group=group, older_than=older_than)
    except (ValueError, AuditEntry.DoesNotExist):
        raise Http404 from None
    older = "?" + urlencode({"about": group, "older_than": page.older_than}) if page.older_than else ""
    facts = {"page": page, "group": group, "groups": audit.GROUPS, "older": older}
    return render(request, "organizations/audit.html", facts)


def _likely_timezone(request: HttpRequest) -> str:
    """Return the time zone of another organization of theirs: people tend to work in one place."""
    mine = door.organizations_of(request.user)  # type: ignore[arg-type]  # only called behind login_required
    return mine[0].timezone if mine else "UTC"
