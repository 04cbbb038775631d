"""Every secret that passes through a whole story is looked for everywhere it could have been left behind."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from blametrail.demo.stage import Stage
from blametrail.demo.story import EMAIL, PASSWORD, STEPS, Story
from blametrail.demo.visitor import Page, Visitor
from sentry_sandbox.config import Config
from tests.databases import fresh_database

pytestmark = pytest.mark.drill

CLIENT_SECRET = "planted-client-secret-0123456789abcdef0123456789abcdef"
INTERNAL_SECRET = "planted-internal-secret-0123456789"
OPERATOR = "operator@demo.example"


class Planted:
    """The secrets as they come into being: grant codes and tokens live shortly, so they are noted step by step."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        environment = stage.environment
        self.secrets = {
            CLIENT_SECRET,
            INTERNAL_SECRET,
            PASSWORD,
            environment["BLAMETRAIL_SECRET_KEY"],
            environment["BLAMETRAIL_ENCRYPTION_KEYS"].partition(":")[2],
        }

    def note(self) -> None:
        world = self._stage.sandbox.app.state.world
        self.secrets |= set(world.tokens) | set(world.refresh_tokens)
        for hook in self._stage.sandbox.control.webhooks():
            if '"code":"' in hook.body:
                self.secrets.add(hook.body.partition('"code":"')[2].partition('"')[0])


@pytest.fixture(scope="module")
def stage(tmp_path_factory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    config = Config(client_secret=CLIENT_SECRET)
    with fresh_database(folder) as database, Stage(folder, config, database_url=database) as stage:
        stage.environment["BLAMETRAIL_LOG_LEVEL"] = "DEBUG"
        yield stage


@pytest.fixture(scope="module")
def story(stage) -> Iterator[Story]:
    with Visitor(stage.url) as admin:
        yield Story(stage, admin)


@pytest.fixture(scope="module")
def planted(stage, story) -> Planted:
    """Play the whole story, then what goes wrong: a lost answer, a used code, a wrong state, an internal token."""
    planted = Planted(stage)
    for _title, step in STEPS:
        step(story)
        planted.note()
    token = next(iter(stage.sandbox.app.state.world.tokens))
    page = story.page("/o/acme/integrations/sentry/internal/")
    story.admin.press(
        page, "Check and connect", organization_slug="acme-rockets", token=token, client_secret=INTERNAL_SECRET
    )
    stage.sandbox.control.add_fault("jwt", "drop_after_commit", times=2)
    path = story.connection_path("acme", "Acme Rockets")
    story.admin.press(story.page(path), "Renew now", leading_to="/renew/")
    planted.note()
    return planted


def everything_stored(stage: Stage) -> Iterator[tuple[str, bytes]]:
    for path in stage.folder.rglob("*"):
        if path.is_file() and "mails" not in path.parts:
            yield path.name, path.read_bytes()
    if stage.environment["BLAMETRAIL_DATABASE_URL"].startswith("postgres"):
        yield from every_table(stage.environment["BLAMETRAIL_DATABASE_URL"])


def every_table(address: str) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(address) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in names:
            query = sql.SQL("SELECT row_to_json(each)::text FROM {} each").format(sql.Identifier(name))
            rows = connection.execute(query).fetchall()
            yield name, "\n".join(row for (row,) in rows).encode()


def test_no_secret_is_stored_or_logged_in_clear(stage, planted):
    places = dict(everything_stored(stage))

    assert len(planted.secrets) > 15
    found = {
        (place, secret[:12])
        for place, content in places.items()
        for secret in planted.secrets
        if secret.encode() in content or secret.encode().hex().encode() in content
    }
    assert found == set()


def test_the_search_would_find_one(stage, planted):
    """What is not secret, and stands in the same rows and files, is found by the same search."""
    contents = [content for _place, content in everything_stored(stage)]

    assert any(b"acme-rockets" in content for content in contents)
    assert any(EMAIL.encode() in content for content in contents)


def pages(story: Story) -> Iterator[Page]:
    """Every page that a person of the organization can reach by links, an error page among them."""
    seen: set[str] = set()
    waiting = ["/o/acme/integrations/sentry/", "/o/acme/incidents/", "/o/acme/audit/", "/no/such/page/"]
    yield story.page("/integrations/sentry/callback/?state=wrong&code=planted&installationId=x")
    while waiting:
        path = waiting.pop()
        if path in seen or len(seen) > 150:
            continue
        seen.add(path)
        page = story.page(path)
        yield page
        waiting += [link for link in page.links if link.startswith("/o/acme/") and link.partition("?")[0] not in seen]


def test_no_page_shows_a_secret(story, planted):
    shown = {(page.path, secret[:12]) for page in pages(story) for secret in planted.secrets if secret in page.source}

    assert shown == set()


def test_no_page_of_the_operator_shows_a_secret(stage, story, planted, tmp_path):
    password_file = tmp_path / "password"
    password_file.write_text("operate-this-one-9")
    stage.run("operator", "add", OPERATOR, "--password-file", str(password_file))
    with Visitor(stage.url) as operator:
        operator.press(operator.open("/accounts/login/"), "Sign in", login=OPERATOR, password="operate-this-one-9")
        looked_at = list(operators_pages(operator))

    assert len(looked_at) > 15
    shown = {(page.path, secret[:12]) for page in looked_at for secret in planted.secrets if secret in page.source}
    assert shown == set()


def operators_pages(operator: Visitor) -> Iterator[Page]:
    index = operator.open("/operator/")
    yield index
    for listing in sorted({link for link in index.links if link.count("/") == 4 and link.startswith("/operator/")}):
        page = operator.open(listing)
        yield page
        rows = [link for link in page.links if "/change/" in urlsplit(link).path]
        yield from (operator.open(link) for link in rows[:3])


def test_the_folder_was_really_searched(stage, planted):
    names = {Path(name).suffix for name, _content in everything_stored(stage)}

    assert ".log" in names
