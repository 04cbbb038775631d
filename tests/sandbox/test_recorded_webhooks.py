"""Holds the sandbox's webhooks to those a real Sentry 24.2.0 sent."""

from collections.abc import Callable

import pytest

from sentry_sandbox.control_client import ControlClient
from sentry_sandbox.delivery import encode, sign
from tests.sandbox.integration import Integration
from tests.sandbox.recordings import FOLDER, SECRETS, Hook, differences, names, read_hook

NO_ENVELOPE = "the recorded event came from a bare client, which sends no such thing"
EXCEPTIONS = {
    "breadcrumbs added": NO_ENVELOPE,
    "contexts added": NO_ENVELOPE,
    "request added": NO_ENVELOPE,
    "vars is dict, not NoneType": "the recorded first frame had no variables",
    "vars is NoneType, not dict": "the recorded last frame had variables",
}

CAUSES: dict[str, Callable[[ControlClient, Integration], object]] = {
    "installation_created": lambda _, __: None,
    "installation_deleted": lambda control, acme: control.uninstall(acme.uuid),
    "error_created": lambda control, _: _error(control),
    "issue_created": lambda control, _: _error(control),
    "event_alert_triggered": lambda control, _: _error(control),
    "issue_assigned": lambda control, _: control.assign(_error(control)),
    "issue_ignored": lambda control, _: control.archive(_error(control)),
    "issue_resolved": lambda control, _: control.resolve(_error(control)),
    "comment_created": lambda control, _: control.comment(_error(control), "Mia's change"),
    "comment_updated": lambda control, _: _edited_comment(control),
    "comment_deleted": lambda control, _: _deleted_comment(control),
}
# Recordings of the same action that need another cause.
SPECIAL_CAUSES: dict[str, Callable[[ControlClient, Integration], object]] = {
    "0011_issue_assigned": lambda control, _: control.assign(_error(control), "team"),
    "0015_issue_resolved": lambda control, _: control.resolve(_error(control), how="in_next_release"),
    "0017_issue_resolved": lambda control, _: control.resolve(_error(control), how="in_release"),
}
# This installation went unexchanged, so its last notice still held the code.
UNEXCHANGED = {"0001_installation_created", "0062_installation_deleted"}


def _hook(name: str) -> Hook:
    return read_hook(FOLDER / "webhooks" / f"{name}.http")


@pytest.fixture
def acme(acme, control) -> Integration:
    control.set_generation("24.2")
    control.add_organization("acme", "Acme", projects=["acme-web"])
    acme.organization = "acme"
    return acme


@pytest.mark.parametrize("name", names("webhooks"))
def test_a_webhook_has_the_keys_and_types_of_the_real_one(acme, control, receiver, name):
    real = _hook(name).body
    (acme.install if name in UNEXCHANGED else acme.connect)()

    subject = name.partition("_")[2]
    SPECIAL_CAUSES.get(name, CAUSES[subject])(control, acme)
    control.settle()

    ours = next(it for it in receiver.all() if it.name.replace(".", "_") == subject)
    found = {it.rpartition(".")[2] for it in differences(real, ours.payload)}
    assert found <= EXCEPTIONS.keys()
    assert list(ours.payload) == list(real)
    assert ours.payload["data"].keys() == real["data"].keys()


def test_a_webhook_has_the_headers_of_the_real_one(acme, control, receiver):
    real = _hook("0007_issue_created").headers

    acme.install()

    ours = receiver.next().headers
    assert {it.lower() for it in real} == ours.keys()
    assert ours["user-agent"] == real["User-Agent"]
    assert len(ours["request-id"]) == len(real["Request-ID"])


@pytest.mark.parametrize("name", names("webhooks"))
def test_our_signature_of_a_recorded_body_is_the_recorded_one(name):
    hook = _hook(name)

    assert sign(SECRETS[hook.path], hook.raw) == hook.headers["Sentry-Hook-Signature"]


@pytest.mark.parametrize("name", names("webhooks"))
def test_our_encoding_gives_the_recorded_bytes_back(name):
    hook = _hook(name)

    assert encode(hook.body) == hook.raw


def _error(control: ControlClient) -> str:
    return control.make_error("acme", "acme-web", "KeyError: missing cart").issue


def _edited_comment(control: ControlClient) -> None:
    issue = _error(control)
    control.edit_comment(issue, control.comment(issue, "Mia's change"), "See pull request 12")


def _deleted_comment(control: ControlClient) -> None:
    issue = _error(control)
    control.delete_comment(issue, control.comment(issue, "Mia's change"))
