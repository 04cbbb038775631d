import pytest
from django.core import mail

from blametrail.accounts.models import User


def test_a_person_signs_up_with_a_name_an_address_and_one_password(browser):
    page = browser.sign_up()

    assert "Look into your mailbox" in page.text
    assert User.objects.get().name == "Carol"
    assert browser.user is None


def test_nobody_signs_in_before_the_address_is_confirmed(browser):
    browser.sign_up()

    page = browser.sign_in()

    assert "Look into your mailbox" in page.text
    assert browser.user is None


def test_the_link_in_the_mail_confirms_the_address_and_signs_in(browser, link_in_the_last_mail):
    browser.sign_up()
    link = link_in_the_last_mail()

    assert "Yes, confirm" in browser.open(link).text
    browser.send(link)

    assert browser.user.email == "carol@example.com"


def test_following_the_link_elsewhere_confirms_the_address_without_signing_in(browser, client, link_in_the_last_mail):
    browser.sign_up()

    client.post(link_in_the_last_mail())

    assert "_auth_user_id" not in client.session
    browser.sign_in()
    assert browser.user.email == "carol@example.com"


def test_opening_the_link_confirms_nothing_yet(browser, link_in_the_last_mail):
    """Mail scanners open links."""
    browser.sign_up()

    browser.open(link_in_the_last_mail())
    browser.sign_in()

    assert browser.user is None


def test_a_spoilt_link_says_what_to_do(browser):
    page = browser.open("/accounts/confirm-email/nonsense/")

    assert "This link has expired, or was cut short on its way." in page.text


def test_whoever_came_with_an_invitation_goes_on_to_it(browser, link_in_the_last_mail):
    browser.sign_up(url="/accounts/signup/?next=/organizations/new/%3Ffrom=x")

    page = browser.send(link_in_the_last_mail())

    assert page.redirect_chain[-1][0] == "/organizations/new/?from=x"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example"])
def test_nobody_is_led_to_a_stranger_after_signing_in(browser, carol, elsewhere):
    page = browser.sign_in(url=f"/accounts/login/?next={elsewhere}")

    assert all("evil.example" not in url for url, _ in page.redirect_chain)
    assert browser.user == carol


def test_signing_up_with_a_known_address_looks_the_same_and_tells_its_owner(browser, carol, client):
    unknown = client.post("/accounts/signup/", {"name": "X", "email": "x@example.com", "password1": "long and odd 7"})
    known = browser.client.post(
        "/accounts/signup/", {"name": "X", "email": "carol@example.com", "password1": "long and odd 7"}
    )

    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert mail.outbox[-1].to == ["carol@example.com"]
    assert mail.outbox[-1].subject == "You have an account already"
    assert User.objects.filter(email="carol@example.com").count() == 1


def test_the_name_given_is_not_in_the_mail_to_somebody_who_may_not_know_of_it(browser):
    browser.sign_up(name="Win at http://evil.example")

    assert "evil.example" not in mail.outbox[0].body + mail.outbox[0].subject


@pytest.mark.parametrize(
    ("wrong", "advice"),
    [
        ({"name": ""}, "This field is required."),
        ({"email": "nonsense"}, "Enter a valid email address."),
        ({"password": "short"}, "at least 10 characters"),
        ({"password": "password123"}, "too common"),
        ({"password": "carol@example.com"}, "too similar"),
    ],
)
def test_what_is_wrong_is_said(browser, wrong, advice):
    assert advice in browser.sign_up(**wrong).text
    assert not User.objects.exists()


@pytest.fixture
def closed(settings):
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"sign_up": False})


def test_where_sign_up_is_closed_a_visitor_is_told_how_to_get_in(browser, closed):
    assert "Sign-up is by invitation here" in browser.open("/accounts/signup/").text
    browser.sign_up()
    assert not User.objects.exists()


@pytest.fixture
def invited(browser):
    session = browser.client.session
    session["invited_as"] = "carol@example.com"
    session.save()


def test_where_sign_up_is_closed_the_invited_may_still_sign_up(browser, closed, invited):
    browser.sign_up()

    assert User.objects.get().email == "carol@example.com"


def test_where_sign_up_is_closed_an_invitation_is_good_for_its_own_address_only(browser, closed, invited):
    page = browser.sign_up(email="friend@example.com")

    assert "Use the address that was invited." in page.text
    assert not User.objects.exists()


def test_where_sign_up_is_closed_passwords_are_still_reset(browser, closed, carol):
    browser.send("/accounts/password/reset/", email="carol@example.com")

    assert mail.outbox[0].subject == "Choose a new password"
