"""Every page and mail of allauth that a person can meet is replaced by one of ours."""

from pathlib import Path

import allauth
import pytest
from django.template.loader import get_template

THEIRS = Path(allauth.__file__).parent / "templates"
# The file of recovery codes is nothing but the codes. The others belong to what is
# switched off: signing in by code or passkey, phones, replacing the one address, social accounts.
UNREACHABLE = (
    "code",
    "phone",
    "webauthn",
    "passkey",
    "login_code",
    "email_change.html",
    "trust.html",
    "base",
    "snippets",
    "download.txt",
)
REACHABLE = sorted(
    str(path.relative_to(THEIRS))
    for folder in ("account", "mfa")
    for path in (THEIRS / folder).rglob("*.*")
    if not any(word in str(path.relative_to(THEIRS)).replace("recovery_codes", "") for word in UNREACHABLE)
)


@pytest.mark.parametrize("name", REACHABLE)
def test_a_template_is_ours(name):
    assert "blametrail/accounts/templates" in get_template(name).origin.name


def test_the_list_is_not_empty_by_mistake():
    assert {"account/login.html", "mfa/index.html", "account/email/password_reset_key_message.txt"} < set(REACHABLE)
