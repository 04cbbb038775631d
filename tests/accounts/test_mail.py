"""A mail server that is away costs the person a delay, never a bare failure, and loses nothing."""

import re

from blametrail.accounts.models import User

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


def test_signing_up_says_that_no_mail_could_be_sent_and_keeps_the_account(browser, nobody_listens):
    page = browser.sign_up()

    assert page.status_code == 503
    assert "The e-mail could not be sent" in page.text
    assert User.objects.filter(email="carol@example.com").exists()


def test_as_soon_as_mail_works_again_signing_in_sends_the_link(
    browser, nobody_listens, settings, link_in_the_last_mail
):
    browser.sign_up()
    settings.EMAIL_BACKEND = LOCMEM

    browser.sign_in()
    browser.send(link_in_the_last_mail())

    assert User.objects.get().emailaddress_set.get().verified


def test_whether_an_address_is_known_does_not_show_when_mail_fails(browser, carol, nobody_listens):
    known = browser.send("/accounts/password/reset/", email="carol@example.com")
    unknown = browser.send("/accounts/password/reset/", email="nobody@example.com")

    assert known.status_code == unknown.status_code
    assert _without_form_tokens(known) == _without_form_tokens(unknown)


def _without_form_tokens(page):
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.text)


def test_a_password_is_changed_even_if_nobody_can_be_told(browser, carol, nobody_listens):
    browser.sign_in()

    page = browser.send(
        "/accounts/password/change/",
        oldpassword="correct horse battery",
        password1="battery9 horse",
        password2="battery9 horse",
    )

    carol.refresh_from_db()
    assert page.status_code == 200
    assert carol.check_password("battery9 horse")
