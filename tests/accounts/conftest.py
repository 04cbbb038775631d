import re
import socket
from dataclasses import dataclass
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client

from blametrail.accounts.models import User

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@dataclass
class Browser:
    """A visitor's browser: fills in forms and follows where it is sent."""

    client: Client

    def open(self, url: str) -> Any:
        return self.client.get(url, follow=True)

    def send(self, url: str, **fields: str) -> Any:
        return self.client.post(url, fields, follow=True)

    def sign_up(self, email="carol@example.com", name="Carol", password=PASSWORD, url="/accounts/signup/") -> Any:
        return self.send(url, name=name, email=email, password1=password)

    def sign_in(self, email="carol@example.com", password=PASSWORD, url="/accounts/login/") -> Any:
        return self.send(url, login=email, password=password)

    @property
    def user(self) -> User | None:
        return User.objects.filter(pk=self.client.session.get("_auth_user_id")).first()


@pytest.fixture
def browser(db):
    return Browser(Client())


@pytest.fixture
def carol(db) -> User:
    carol = User.objects.create_user("carol@example.com", PASSWORD, name="Carol")
    EmailAddress.objects.create(user=carol, email=carol.email, verified=True, primary=True)
    return carol


@pytest.fixture
def link_in_the_last_mail():
    return lambda: re.search(r"http://testserver(/\S+)", mail.outbox[-1].body)[1]


@pytest.fixture
def nobody_listens(settings):
    """The mail server is away."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        unused_port = probe.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", unused_port
