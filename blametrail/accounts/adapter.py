"""Where django-allauth asks us about accounts."""

import logging
import uuid
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from smtplib import SMTPException
from typing import Any

import qrcode  # type: ignore[import-untyped]  # published without types
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal import stagekit
from allauth.core import context as current
from allauth.core import ratelimit
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render
from qrcode.image.svg import SvgPathFillImage  # type: ignore[import-untyped]  # published without types

from blametrail.accounts.models import User
from blametrail.lib import encryption

logger = logging.getLogger(__name__)

# The session's note of the address that an invitation opened in this browser was for.
INVITED_AS = "invited_as"


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is published without types
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "This e-mail address and password do not belong together.",
        "too_many_login_attempts": "Too many attempts. Wait five minutes, or reset your password.",
        "incorrect_password": "This is not your password.",
        "enter_current_password": "This is not your present password.",
        "invalid_password_reset": "This link has been used already or has expired.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Test whether this visitor may sign up: anyone, unless the operator closed it to all but the invited."""
        return settings.ENVIRONMENT.sign_up or INVITED_AS in request.session

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that the person is waiting for. If the mail server does not take it, say so instead of failing.

        Raises ImmediateHttpResponse, which allauth turns into the answer. What came before, such as the new account,
        is kept; whether the address is known to us shows no more than it does when mail works.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError) as error:
            logger.warning("account_mail_not_sent", extra={"error": str(error), "mail": template_prefix})
            # Else the next try would be told that a mail was sent, since one address gets one each three minutes.
            ratelimit.clear(current.request, action="confirm_email", key=email.lower())
            page = render(current.request, "account/mail_not_sent.html", status=HTTPStatus.SERVICE_UNAVAILABLE)
            raise ImmediateHttpResponse(page) from error

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Tell the person what changed in their account. The change stands, whether or not the mail leaves."""
        with suppress(ImmediateHttpResponse):  # send_mail has logged it
            super().send_notification_mail(template_prefix, user, context, email)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is published without types
    """Keep the second factor's secret sealed, as every other secret."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "This code is wrong or has passed. Type the one that the app shows now.",
        "unverified_email": "Verify your e-mail address first.",
    }

    def build_totp_svg(self, url: str) -> str:
        """Return the QR code on white ground; without it, it cannot be scanned in the dark theme."""
        drawing = BytesIO()
        qrcode.make(url, image_factory=SvgPathFillImage).save(drawing)
        return drawing.getvalue().decode()

    def encrypt(self, text: str) -> str:
        return settings.VAULT.seal(text.encode(), belongs_to=place_of_second_factor(_whose_turn_it_is())).hex()

    def decrypt(self, encrypted_text: str) -> str:
        place = place_of_second_factor(_whose_turn_it_is())
        return settings.VAULT.open(bytes.fromhex(encrypted_text), belongs_to=place).decode()


def place_of_second_factor(user_id: uuid.UUID) -> str:
    """Return what a person's sealed second factor is bound to: to them, since allauth does not tell the row."""
    return encryption.place("Authenticator", "data", user_id)


def _whose_turn_it_is() -> uuid.UUID:
    """Return who is signed in or, once the password was right, about to be."""
    pending = stagekit.get_pending_stage(current.request)
    user: User = pending.login.user if pending else current.request.user
    return user.pk
