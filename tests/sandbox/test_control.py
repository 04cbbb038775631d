"""The control API, its page, and starting and stopping."""

import httpx
import pytest

from sentry_sandbox.__main__ import configure, parse
from sentry_sandbox.config import Config, Generation
from sentry_sandbox.control_client import ControlError
from sentry_sandbox.server import Sandbox


@pytest.mark.parametrize(
    "act",
    [
        lambda control: control.make_error("nowhere", "api"),
        lambda control: control.make_error("globex", "nothing"),
        lambda control: control.resolve("1"),
        lambda control: control.uninstall("none"),
        lambda control: control.set_generation("9.1"),
        lambda control: control.alert_metric("globex", "api", level="mild"),
        lambda control: control.replay(999_999),
        lambda control: control.make_error("globex", "api", times=0),
    ],
)
def test_an_impossible_wish_is_refused(control, act):
    with pytest.raises(ControlError):
        act(control)


def test_a_reset_forgets_everything(control):
    control.install("globex")
    control.make_error("globex", "api")
    control.set_generation("24.2")

    control.reset()

    state = control.state()
    assert (state["issues"], state["installations"], state["generation"]) == ([], [], "current")


def test_an_organization_can_be_added_and_renamed(control):
    control.add_organization("umbrella", projects=["hive"])
    control.rename_organization("umbrella", name="Umbrella")
    control.add_project("umbrella", "lab")
    control.add_release("umbrella", "lab", "lab@2.0.0")

    added = control.state()["organizations"][-1]
    assert added["name"] == "Umbrella"
    assert [it["slug"] for it in added["projects"]] == ["hive", "lab"]
    assert added["projects"][1]["releases"] == ["lab@1.0.0", "lab@2.0.0"]


def test_the_page_shows_the_state_and_says_what_it_is(sandbox, control):
    control.install("globex")
    control.make_error("globex", "api", "KeyError: '<b>'")
    control.add_fault("jwt", "status:500")

    page = httpx.get(sandbox.url).text

    assert "It is not Sentry" in page
    assert "KeyError: &#39;&lt;b&gt;&#39;" in page
    assert "status:500" in page


def test_a_plain_form_acts_and_returns_to_its_section(sandbox, control):
    form = {"project": "globex/api", "title": "KeyError: 'x'", "times": "2", "environment": ""}

    response = httpx.post(f"{sandbox.url}/_control/errors", data=form)

    assert (response.status_code, response.headers["Location"]) == (303, "/#issues")
    assert control.state()["issues"][0]["count"] == 2


def test_a_form_that_cannot_be_done_says_so_on_a_page(sandbox):
    response = httpx.post(f"{sandbox.url}/_control/errors", data={"project": "globex/none"})

    assert response.status_code == 404
    assert "there is no none" in response.text


def test_another_site_cannot_press_the_buttons(sandbox):
    response = httpx.post(f"{sandbox.url}/_control/reset", headers={"Origin": "https://evil.example"})

    assert response.status_code == 403


def test_an_issue_has_a_page_at_its_permalink(sandbox, control):
    issue = control.make_error("globex", "site", "TypeError: x is undefined").issue

    page = httpx.get(f"{sandbox.url}/organizations/globex/issues/{issue}/").text

    assert "TypeError: x is undefined" in page
    assert "src/lib/money.ts" in page


@pytest.mark.parametrize(
    "path", ["/nothing", "/organizations/globex/issues/1/", "/sentry-apps/other/external-install/"]
)
def test_an_unknown_page_is_not_found(sandbox, path):
    assert httpx.get(f"{sandbox.url}{path}").status_code == 404


def test_two_sandboxes_know_nothing_of_each_other(control):
    with Sandbox(Config(app_slug="other")) as other:
        other.control.install("globex")

        assert other.control.state()["app"]["slug"] == "other"
        assert control.state()["installations"] == []


def test_it_listens_on_loopback_alone(sandbox):
    assert sandbox.url.startswith("http://127.0.0.1:")


def test_the_command_line_becomes_a_configuration():
    arguments = ["--client-id", "abc", "--generation", "24.2", "--webhook-url", "http://127.0.0.1:2/h"]

    config = configure(parse(arguments))

    assert config.client_id == "abc"
    assert config.generation is Generation.OLDER
    assert config.webhooks.url == "http://127.0.0.1:2/h"
    assert len(config.client_secret) == 64
