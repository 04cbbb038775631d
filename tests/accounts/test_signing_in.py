import pytest
from django.core import mail

PASSWORD = "correct horse battery"
OTHER = "battery horse correct"


def test_a_person_signs_in_by_address_whatever_its_case(browser, carol):
    browser.sign_in(email="Carol@Example.com")

    assert browser.user == carol


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(browser, carol):
    wrong = browser.sign_in(password="not this one").text
    unknown = browser.sign_in(email="nobody@example.com").text

    assert "This e-mail address and password do not belong together." in wrong
    assert "This e-mail address and password do not belong together." in unknown


def test_guessing_is_stopped_and_the_page_says_for_how_long(browser, carol):
    for _ in range(5):
        browser.sign_in(password="not this one")

    page = browser.sign_in()

    assert "Too many attempts. Wait five minutes, or reset your password." in page.text
    assert browser.user is None


def test_too_many_requests_get_a_page_of_ours(browser):
    for _ in range(21):
        page = browser.send("/accounts/password/reset/", email="nobody@example.com")

    assert page.status_code == 429
    assert "That was too often" in page.text


def test_a_deactivated_person_is_told_so(browser, carol):
    carol.is_active = False
    carol.save()

    page = browser.sign_in()

    assert "This account is deactivated" in page.text
    assert browser.user is None


def test_signing_out_asks_first_when_followed_as_a_link(browser, carol):
    browser.sign_in()

    assert "Sign out?" in browser.open("/accounts/logout/").text
    assert browser.user == carol
    browser.send("/accounts/logout/")
    assert browser.user is None


def test_a_forgotten_password_is_replaced_through_the_mailbox(browser, carol, link_in_the_last_mail):
    browser.send("/accounts/password/reset/", email="carol@example.com")
    form = browser.open(link_in_the_last_mail())

    page = browser.send(form.redirect_chain[-1][0], password1=OTHER, password2=OTHER)

    assert "Your password is changed" in page.text
    browser.sign_in(password=OTHER)
    assert browser.user == carol
    assert mail.outbox[-1].subject == "Your password was changed"


def test_a_reset_link_works_once(browser, carol, link_in_the_last_mail):
    browser.send("/accounts/password/reset/", email="carol@example.com")
    link = link_in_the_last_mail()
    browser.send(browser.open(link).redirect_chain[-1][0], password1=OTHER, password2=OTHER)

    assert "This link no longer works" in browser.open(link).text


def test_asking_for_an_unknown_address_looks_the_same_as_for_a_known_one(browser, carol):
    known = browser.send("/accounts/password/reset/", email="carol@example.com")
    unknown = browser.send("/accounts/password/reset/", email="nobody@example.com")

    assert known.redirect_chain == unknown.redirect_chain
    assert [letter.subject for letter in mail.outbox] == ["Choose a new password", "No account with this address"]


def test_a_password_is_changed_and_its_owner_told(browser, carol):
    browser.sign_in()

    browser.send("/accounts/password/change/", oldpassword=PASSWORD, password1=OTHER, password2=OTHER)

    carol.refresh_from_db()
    assert carol.check_password(OTHER)
    assert "If this was not you" in mail.outbox[-1].body


def test_a_second_address_is_added_and_works_once_confirmed(browser, carol, link_in_the_last_mail):
    browser.sign_in()
    browser.send("/accounts/email/", email="carol@home.example", action_add="")
    assert "Not confirmed" in browser.open("/accounts/email/").text

    browser.send(link_in_the_last_mail())
    browser.send("/accounts/email/", email="carol@home.example", action_primary="")

    carol.refresh_from_db()
    assert carol.email == "carol@home.example"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/accounts/email/", "Add an address"),
        ("/accounts/password/change/", "Change your password"),
        ("/accounts/2fa/", "Authenticator app"),
    ],
)
def test_the_pages_of_an_account_are_ours(browser, carol, path, words):
    browser.sign_in()

    page = browser.open(path).text

    assert words in page
    assert 'aria-label="Your account"' in page
