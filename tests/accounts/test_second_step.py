import base64
import hashlib
import hmac
import re
import time
from types import SimpleNamespace

import pytest
from allauth.core.context import request_context
from allauth.mfa.models import Authenticator
from django.core import mail

PASSWORD = "correct horse battery"


def code_of(secret):
    """Return what an authenticator app shows now (RFC 6238)."""
    counter = (int(time.time()) // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, hashlib.sha1)
    start = digest[-1] & 15
    number = int.from_bytes(digest[start : start + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"


@pytest.fixture(autouse=True)
def half_a_minute_may_end_meanwhile(settings):
    settings.MFA_TOTP_TOLERANCE = 1


@pytest.fixture
def secret(browser, carol):
    """Carol has set up her authenticator app with this secret, and signed out."""
    browser.sign_in()
    browser.send("/accounts/reauthenticate/", password=PASSWORD)
    page = browser.open("/accounts/2fa/totp/activate/")
    secret = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", page.text)[1]
    browser.send("/accounts/2fa/totp/activate/", code=code_of(secret))
    browser.send("/accounts/logout/")
    return secret


def test_setting_it_up_asks_for_the_password_once_more(browser, carol):
    browser.sign_in()

    page = browser.open("/accounts/2fa/totp/activate/")

    assert "Type your password once more" in page.text


@pytest.mark.django_db(transaction=True)  # told after the commit
def test_the_owner_is_told_by_mail(secret):
    assert "Two-step sign-in is on" in [letter.subject for letter in mail.outbox]


def test_the_secret_is_not_stored_in_clear(secret, carol):
    stored = Authenticator.objects.get(user=carol, type="totp").data

    assert secret not in str(stored)


def test_the_password_alone_is_no_longer_enough(browser, secret):
    page = browser.sign_in()

    assert "Type the code that your authenticator app shows now" in page.text
    assert browser.user is None


def test_a_code_from_the_app_lets_in(browser, secret, carol):
    browser.sign_in()
    browser.send("/accounts/2fa/authenticate/", code=code_of(secret))

    assert browser.user == carol


def test_the_same_code_does_not_let_in_twice(browser, secret):
    code = code_of(secret)
    browser.sign_in()
    browser.send("/accounts/2fa/authenticate/", code=code)
    browser.send("/accounts/logout/")

    browser.sign_in()
    browser.send("/accounts/2fa/authenticate/", code=code)

    assert browser.user is None


def test_a_recovery_code_lets_in_once(browser, secret, carol):
    with request_context(SimpleNamespace(user=carol)):  # whose they are is part of how they are sealed
        code = Authenticator.objects.get(user=carol, type="recovery_codes").wrap().get_unused_codes()[0]
    browser.sign_in()
    browser.send("/accounts/2fa/authenticate/", code=code)
    assert browser.user == carol

    browser.send("/accounts/logout/")
    browser.sign_in()
    page = browser.send("/accounts/2fa/authenticate/", code=code)

    assert "This code is wrong or has passed." in page.text
    assert browser.user is None


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/accounts/2fa/", "10 of 10 codes are unused"),
        ("/accounts/2fa/recovery-codes/", "10 of 10 unused"),
        ("/accounts/2fa/recovery-codes/generate/", "The codes you have now stop working."),
        ("/accounts/2fa/totp/deactivate/", "Your password alone will be enough"),
    ],
)
def test_the_pages_of_the_second_step_are_ours(browser, secret, carol, path, words):
    browser.client.force_login(carol)
    browser.send("/accounts/reauthenticate/", password=PASSWORD)

    page = browser.open(path).text

    assert words in page
    assert 'aria-label="Your account"' in page


def test_an_operator_needs_the_second_step_too(browser, secret, carol):
    carol.is_staff = carol.is_superuser = True
    carol.save()

    page = browser.send("/operator/login/", username=carol.email, password=PASSWORD)

    assert page.redirect_chain[-1][0].startswith("/accounts/login/")
    assert browser.user is None
