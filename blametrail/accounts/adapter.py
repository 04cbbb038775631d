"""Where django-allauth asks us about accounts."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth is published without types
    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 -- allauth's signature
        return settings.ENVIRONMENT.sign_up


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth is published without types
    """Keep the second factor's secret sealed to its owner's row, as every other secret."""

    def encrypt(self, text: str) -> str:
        return settings.VAULT.seal(text.encode(), belongs_to="second_factor").hex()

    def decrypt(self, encrypted_text: str) -> str:
        return settings.VAULT.open(bytes.fromhex(encrypted_text), belongs_to="second_factor").decode()
