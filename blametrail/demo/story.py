"""The story that the demo plays: every step is done through pages and real HTTP, and checked on a page."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from blametrail.demo.stage import Stage, wait_for
from blametrail.demo.visitor import Page, Visitor

EMAIL = "alice@demo.example"
PASSWORD = "look-around-1"  # noqa: S105 -- printed on purpose; the demo listens on loopback and forgets all

Step = Callable[["Story"], str]


class NotAsTold(Exception):
    """The page does not show what the story says; the message quotes what it shows."""


@dataclass
class Story:
    """What the steps share: the stage, the admin at her browser, and what she has made so far."""

    stage: Stage
    admin: Visitor
    issues: dict[str, str] = field(default_factory=dict)

    def page(self, path: str) -> Page:
        return self.admin.open(path)

    def wait_to_read(self, path: str, *words: str) -> Page:
        """Return the page once all the words stand on it; each look is what a reload would show."""

        def read() -> Page | None:
            page = self.page(path)
            return page if all(word in page.text for word in words) else None

        page = wait_for(read, f"“{'”, “'.join(words)}” at {path}")
        assert page is not None  # noqa: S101 -- wait_for returns what is true
        return page

    def connection_path(self, organization: str, sentry_organization: str) -> str:
        """Return the address of the page of one connection, found on the Sentry page as a person would."""
        page = self.page(f"/o/{organization}/integrations/sentry/")
        for link in page.links:
            is_connection = re.search(r"/integrations/sentry/[0-9a-f-]{36}/$", link)
            if is_connection and sentry_organization in self.page(link).text:
                return link
        raise NotAsTold(f"No connection to {sentry_organization} at {page.path}: {page.text[:500]}")


def require(page: Page, *words: str) -> Page:
    """Return the page if all the words stand on it. Raises NotAsTold."""
    for word in words:
        if word not in page.text:
            raise NotAsTold(f"“{word}” is not at {page.path} ({page.status}). It says: {page.text[:700]}")
    return page


# --- people and services ----------------------------------------------------------------------------------------


def sign_up(story: Story) -> str:
    page = story.page("/accounts/signup/")
    story.admin.press(page, "Create account", name="Alice", email=EMAIL, password1=PASSWORD)
    page = story.page(story.stage.link_mailed_to(EMAIL))
    page = story.admin.press(page, "Yes, confirm")
    if page.path.startswith("/accounts/login"):
        story.admin.press(page, "Sign in", login=EMAIL, password=PASSWORD)
    require(story.page("/organizations/new/"), "Create organization")
    return f"{EMAIL}, with the link from her mail"


def found_organizations(story: Story) -> str:
    for name, slug in (("Acme", "acme"), ("Side Project", "side-project")):
        page = story.admin.press(story.page("/organizations/new/"), "Create organization", name=name, slug=slug)
        require(page, name)
    return "Acme and Side Project"


def add_services(story: Story) -> str:
    wanted = (("acme", "checkout", "api"), ("acme", "storefront", "web"), ("side-project", "billing", "worker"))
    for organization, name, kind in wanted:
        page = story.page(f"/o/{organization}/services/new/")
        require(story.admin.press(page, "Add service", name=name, type=kind), name)
    return "checkout and storefront; billing"


# --- connecting -------------------------------------------------------------------------------------------------


def _connect(
    story: Story, organization: str, sentry_organization: str, name: str, *, button: str = "Connect via OAuth"
) -> str:
    page = story.page(f"/o/{organization}/integrations/sentry/")
    at_sentry = story.admin.press(page, button, leading_to="/connect/")
    page = story.admin.press(at_sentry, "Accept & Install", organization=sentry_organization)
    require(page, "Connected", name)
    return f"{name} is Connected to {organization}"


def connect_first(story: Story) -> str:
    return _connect(story, "acme", "acme-rockets", "Acme Rockets")


def connect_second(story: Story) -> str:
    return _connect(story, "acme", "globex", "Globex", button="Connect another Sentry organization")


def connect_third(story: Story) -> str:
    return _connect(story, "side-project", "initech", "Initech")


def map_projects(story: Story) -> str:
    wanted = (
        ("acme", "Acme Rockets", "checkout-api", "checkout (production)"),
        ("acme", "Globex", "api", "storefront (production)"),
        ("side-project", "Initech", "tps-reports", "billing (production)"),
    )
    for organization, sentry_organization, project, service in wanted:
        path = story.connection_path(organization, sentry_organization)
        page = story.page(f"{path}mappings/new/")
        page = story.admin.press(page, "Save mapping", project="typed", typed=project, service=service)
        require(page, f"{project} opens incidents on {service}")
    return "checkout-api to checkout, Globex's api to storefront, tps-reports to billing"


# --- incidents --------------------------------------------------------------------------------------------------


def make_errors(story: Story) -> str:
    make_error = story.stage.sandbox.control.make_error
    story.issues["checkout"] = make_error("acme-rockets", "checkout-api", "KeyError: 'currency'", times=3).issue
    story.issues["storefront"] = make_error("globex", "api", "TimeoutError: stock service", level="warning").issue
    story.issues["billing"] = make_error("initech", "tps-reports", "ZeroDivisionError: division by zero").issue
    make_error("acme-rockets", "storefront-web", "TypeError: undefined is not a function")
    return "three in mapped projects, one in a project that is not mapped"


def find_incidents(story: Story) -> str:
    acme = story.wait_to_read("/o/acme/incidents/", "KeyError: 'currency'", "TimeoutError: stock service")
    require(acme, "checkout", "storefront")
    other = story.wait_to_read("/o/side-project/incidents/", "ZeroDivisionError", "billing")
    for page, foreign in ((acme, "ZeroDivisionError"), (other, "KeyError"), (acme, "undefined is not a function")):
        if foreign in page.text:
            raise NotAsTold(f"“{foreign}” has no business at {page.path}.")
    return "each on its own service; nothing for the project that is not mapped"


def see_unmapped(story: Story) -> str:
    path = story.connection_path("acme", "Acme Rockets")
    story.wait_to_read(f"{path}mappings/", "storefront-web")
    return "storefront-web waits among the unmapped projects, with its webhooks kept"


def resolve_in_sentry(story: Story) -> str:
    story.stage.sandbox.control.resolve(story.issues["checkout"])
    story.wait_to_read("/o/acme/incidents/?tab=resolved", "KeyError: 'currency'")
    return "KeyError: 'currency' is resolved here too"


# --- tokens -----------------------------------------------------------------------------------------------------

SHORT_LIFE = 16  # seconds; renewed with a quarter of it left


def renew_in_time(story: Story) -> str:
    control = story.stage.sandbox.control
    path = story.connection_path("acme", "Acme Rockets")
    control.set_token_life(SHORT_LIFE)
    story.admin.press(story.page(path), "Renew now", leading_to="/renew/")
    before = _granted(story)
    control.set_token_life(8 * 3600)
    wait_for(lambda: _granted(story) > before, "A renewal by the worker")
    require(story.wait_to_read(path, "Token renewed"), "Connected")
    return f"a token of {SHORT_LIFE} seconds was renewed by the worker before it ended"


def _granted(story: Story) -> int:
    return sum(grant.granted for grant in story.stage.sandbox.control.grants())


def survive_expiry(story: Story) -> str:
    path = story.connection_path("acme", "Globex")
    control = story.stage.sandbox.control
    before = _granted(story)
    for installation in control.state()["installations"]:
        control.expire_token(installation["uuid"])
    story.admin.press(story.page(path), "Test connection", leading_to="/test/")
    if _granted(story) != before + 1:
        raise NotAsTold("The expired token was not renewed exactly once.")
    require(story.page(path), "Connected")
    return "a token that ended early was renewed when it was next used"


# --- disconnecting ----------------------------------------------------------------------------------------------


def uninstall(story: Story) -> str:
    control = story.stage.sandbox.control
    (installation,) = [each["uuid"] for each in control.state()["installations"] if each["organization"] == "globex"]
    control.uninstall(installation)
    story.wait_to_read("/o/acme/integrations/sentry/", "Disconnected", "removed in Sentry")
    return "Globex is Disconnected, with the reason; Acme Rockets is not touched"


def reconnect(story: Story) -> str:
    path = story.connection_path("acme", "Globex")
    at_sentry = story.admin.press(story.page(path), "Reconnect", leading_to="/reconnect/")
    require(story.admin.press(at_sentry, "Accept & Install", organization="globex"), "Connected")
    if story.connection_path("acme", "Globex") != path:
        raise NotAsTold("The connection was made anew instead of repaired.")
    require(story.page(f"{path}mappings/"), "storefront")
    return "the same connection is Connected again, its mapping is where it was"


def error_after_reconnect(story: Story) -> str:
    story.stage.sandbox.control.make_error("globex", "api", "MemoryError: cart of 10,000 lines", level="fatal")
    require(story.wait_to_read("/o/acme/incidents/", "MemoryError"), "storefront")
    return "and what happens there opens incidents again"


STEPS: tuple[tuple[str, Step], ...] = (
    ("An admin signs up and confirms her address", sign_up),
    ("She founds two organizations", found_organizations),
    ("She adds services", add_services),
    ("She connects a first Sentry organization by OAuth", connect_first),
    ("And a second one to the same organization", connect_second),
    ("And a third one to her other organization", connect_third),
    ("She maps projects to services", map_projects),
    ("Errors happen in Sentry", make_errors),
    ("Incidents open on the right services", find_incidents),
    ("What is not mapped is kept and shown", see_unmapped),
    ("An issue is resolved in Sentry", resolve_in_sentry),
    ("A token comes near its end", renew_in_time),
    ("A token ends before its time", survive_expiry),
    ("The integration is uninstalled in one Sentry organization", uninstall),
    ("She presses Reconnect", reconnect),
    ("Errors go on", error_after_reconnect),
)
