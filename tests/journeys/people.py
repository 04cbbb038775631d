"""What a person does in a browser, in the words of a story."""

from playwright.sync_api import Page, expect

from blametrail.demo.stage import Stage

expect.set_options(timeout=20_000)  # milliseconds; webhooks travel, and live parts are asked for every five seconds

MOST_RELOADS, BETWEEN_RELOADS = 40, 500  # milliseconds
MOST_TABS = 60


class Person:
    """Someone in front of a window."""

    def __init__(self, window: Page, stage: Stage, *, name: str = "Alice") -> None:
        self.window = window
        self.stage = stage
        self.name = name
        self.email = f"{name.lower()}@example.com"

    # --- arriving ---------------------------------------------------------------------------------------------

    def signs_up(self) -> None:
        self.window.goto("/accounts/signup/")
        self.window.get_by_label("Your name").fill(self.name)
        self.window.get_by_label("Email").fill(self.email)
        self.window.locator("[name=password1]").fill("correct horse battery")
        self.presses("Create account")
        self.window.goto(self.stage.link_mailed_to(self.email))
        self.presses("Yes, confirm")

    def creates_an_organization(self, name: str = "Acme") -> None:
        self.window.goto("/organizations/new/")
        self.window.get_by_label("Name").first.fill(name)
        self.presses("Create organization")
        self.reads("Incidents", heading=True)

    def adds_a_service(self, name: str) -> None:
        self.goes_to("Services")
        self.window.get_by_role("link", name="Add a service").or_(
            self.window.get_by_role("link", name="Add service")
        ).first.click()
        self.window.get_by_label("Name").first.fill(name)
        self.presses("Add service")
        self.reads(f"{name} (production) is in the catalog.")

    # --- at Sentry --------------------------------------------------------------------------------------------

    def connects_via_oauth(self, sentry_organization: str = "Acme Rockets") -> None:
        self.goes_to("Integrations")
        self.presses("Connect via OAuth")
        self.accepts_at_sentry(sentry_organization)

    def accepts_at_sentry(self, sentry_organization: str) -> None:
        expect(self.window.get_by_role("heading", name="Finish integration installation")).to_be_visible()
        self.window.locator("select[name=organization]").select_option(label=sentry_organization)
        self.presses("Accept & Install")

    # --- mapping ----------------------------------------------------------------------------------------------

    def maps(self, project: str, *, to: str) -> None:
        self.window.get_by_role("searchbox", name="Filter the projects").fill(project)
        self.window.get_by_role("radio", name=project).check()
        self.window.get_by_label("Service").select_option(label=f"{to} (production)")
        self.presses("Save mapping")
        self.reads(f"{project} opens incidents on {to} (production) from now on.")

    def maps_the_project_that_is_chosen(self, *, to: str) -> None:
        self.window.get_by_label("Service").select_option(label=f"{to} (production)")
        self.presses("Save mapping")

    # --- anywhere ---------------------------------------------------------------------------------------------

    def goes_to(self, place: str) -> None:
        self.window.get_by_role("navigation", name="Acme").get_by_role("link", name=place).click()

    def follows(self, link: str) -> None:
        self.window.get_by_role("link", name=link).first.click()

    def presses(self, button: str) -> None:
        self.window.get_by_role("button", name=button).first.click()

    def reads(self, words: str, *, heading: bool = False) -> None:
        """Wait until the words are on the page; as they come by themselves, where nothing is reloaded."""
        place = self.window.get_by_role("heading", name=words) if heading else self.window.get_by_text(words)
        expect(place.first).to_be_visible()

    def reads_no_more(self, words: str) -> None:
        expect(self.window.get_by_text(words)).to_have_count(0)

    def reloads_until(self, words: str) -> None:
        """Look again until the words are there, on a page that does not renew itself."""
        found = self.window.get_by_text(words)
        for _ in range(MOST_RELOADS):
            if found.count():
                return
            self.window.wait_for_timeout(BETWEEN_RELOADS)
            self.window.reload()
        raise AssertionError(f"“{words}” did not come")

    def goes_by_keyboard_to(self, name: str) -> None:
        """Press Tab until the focus is on the link or button of this name, then Enter. Where that leads, say next."""
        for _ in range(MOST_TABS):
            self.window.keyboard.press("Tab")
            if self.window.evaluate("document.activeElement.innerText.trim()") == name:
                self.window.keyboard.press("Enter")
                return
        raise AssertionError(f"{name} cannot be reached by the Tab key")

    def sees_no_sideways_scrolling(self) -> None:
        root = "document.documentElement"
        assert self.window.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")
