"""The mail an organization sends to people who are not in it yet."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from blametrail.organizations.models import Invitation

logger = logging.getLogger(__name__)


class NotSent(Exception):
    """The mail server did not take the letter."""


def link_to(token: str) -> str:
    return settings.BASE_URL + reverse("invitation_accept", kwargs={"token": token})


def send_invitation(invitation: Invitation, *, token: str) -> None:
    """Send the link to the invited address; never call this inside a transaction. Raises NotSent."""
    facts = {"invitation": invitation, "link": link_to(token), "base_url": settings.BASE_URL}
    letter = EmailMessage(
        subject=" ".join(f"Join {invitation.organization.name} on BlameTrail".split()),
        body=render_to_string("organizations/email/invitation.txt", facts),
        to=[invitation.email],
    )
    try:
        letter.send()
    except (SMTPException, OSError) as error:
        logger.warning("invitation_not_sent", extra={"error": str(error), "invitation": str(invitation.pk)})
        raise NotSent(NotSent.__doc__) from error
