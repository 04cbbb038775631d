"""The pages on which people are invited to an organization, and accept."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.views.decorators.http import require_http_methods, require_POST

from blametrail.accounts.adapter import INVITED_AS
from blametrail.organizations import access as door
from blametrail.organizations import invitations, letters, membership, queries
from blametrail.organizations.access import Access
from blametrail.organizations.forms import InvitationForm
from blametrail.organizations.models import Invitation


@door.for_admins
@require_POST
def invite(request: HttpRequest, access: Access) -> HttpResponse:
    form = InvitationForm(access, request.POST)
    if form.is_valid():
        try:
            invitation, token = invitations.invite(access, **form.cleaned_data, now=now())
        except (invitations.AlreadyInvited, invitations.AlreadyAMember) as refusal:
            form.add_error("email", str(refusal))
        except membership.NotAllowed as refusal:
            form.add_error("role", str(refusal))
        else:
            _send(request, invitation, token=token)
            return redirect("members", organization=access.organization.slug)
    facts = {
        "members": queries.members_of(access),
        "invitations": queries.invitations_of(access, now=now()),
        "form": form,
    }
    return render(request, "organizations/members.html", facts)


@door.for_admins
@require_POST
def invitation_resend(request: HttpRequest, access: Access, invitation: uuid.UUID) -> HttpResponse:
    subject = _invitation(access, invitation)
    try:
        token = invitations.renew(access, subject, now=now())
    except (membership.NotAllowed, invitations.NoLongerOpen) as refusal:
        messages.error(request, str(refusal))
    else:
        _send(request, subject, token=token)
    return redirect("members", organization=access.organization.slug)


@door.for_admins
@require_POST
def invitation_revoke(request: HttpRequest, access: Access, invitation: uuid.UUID) -> HttpResponse:
    subject = _invitation(access, invitation)
    try:
        invitations.revoke(access, subject)
    except (membership.NotAllowed, invitations.NoLongerOpen) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"The invitation of {subject.email} is revoked; its link no longer works.")
    return redirect("members", organization=access.organization.slug)


def _invitation(access: Access, invitation_id: uuid.UUID) -> Invitation:
    invitation: Invitation = get_object_or_404(Invitation.objects.of(access.organization), pk=invitation_id)
    return invitation


def _send(request: HttpRequest, invitation: Invitation, *, token: str) -> None:
    try:
        letters.send_invitation(invitation, token=token)
    except letters.NotSent:
        messages.warning(
            request,
            f"{invitation.email} is invited, but the e-mail could not be sent. "
            f"Pass on this link yourself, or choose Resend later: {letters.link_to(token)}",
        )
    else:
        messages.success(request, f"{invitation.email} is invited. The link in the e-mail works for seven days.")


@require_http_methods(["GET", "HEAD", "POST"])
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """Let the person at the invited address in; tell everyone else what to do."""
    found = invitations.find(token)
    if found is None or not found.is_open(now=now()):
        return _gone(request, found)
    facts = {"invitation": found}
    if not request.user.is_authenticated:
        request.session[INVITED_AS] = found.email
        return render(request, "organizations/invitation_visitor.html", facts)
    if not invitations.is_for(found, request.user):
        return render(request, "organizations/invitation_other_person.html", facts, status=403)
    if request.method == "POST":
        return _join(request, found)
    return render(request, "organizations/invitation.html", facts)


@login_required
@require_POST
def invitation_join(request: HttpRequest, invitation_id: uuid.UUID) -> HttpResponse:
    """Accept an invitation listed on the person's own page, which proves the address without the link."""
    waiting = invitations.waiting_for(request.user, now=now())  # type: ignore[arg-type]  # login_required
    return _join(request, get_object_or_404(waiting, pk=invitation_id))


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    try:
        access = invitations.accept(invitation, user=request.user, now=now())  # type: ignore[arg-type]  # signed in
    except invitations.NoLongerOpen:
        return _gone(request, invitation)
    messages.success(request, f"Welcome to {access.organization}.")
    return redirect("organization_home", organization=access.organization.slug)


def _gone(request: HttpRequest, invitation: Invitation | None) -> HttpResponse:
    """Say that the link is spent; take someone who joined by it to where they joined."""
    if invitation is not None and invitation.accepted_at and request.user.is_authenticated:
        mine = door.organizations_of(request.user)
        if invitation.organization in mine:
            return redirect("organization_home", organization=invitation.organization.slug)
    return render(request, "organizations/invitation_gone.html", {"invitation": invitation}, status=410)
