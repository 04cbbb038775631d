"""A browser, and a stage for it to look at."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from blametrail.demo.stage import Stage
from tests.databases import fresh_database

CHROMIUM = "/usr/bin/chromium"
# Quiet and self-contained: nothing but the pages under test is asked for.
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000  # milliseconds; the processes share a busy machine


@pytest.fixture
def stage(tmp_path) -> Iterator[Stage]:
    with fresh_database(tmp_path) as database, Stage(tmp_path, database_url=database) as stage:
        yield stage


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield chromium
        chromium.close()


@pytest.fixture
def open_window(browser, stage):
    """Return a function that opens a window of a size, in which nothing may go wrong unnoticed."""
    faults: list[str] = []

    def open_window(*, width: int = 1280, height: int = 800) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, base_url=stage.url)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        return page

    yield open_window
    assert faults == []


@pytest.fixture
def window(open_window) -> Page:
    return open_window()
