import pytest
from django.db import connection

from blametrail.intake.durability import commits_may_be_repeated

pytestmark = pytest.mark.django_db(transaction=True)

NAME = {"sqlite": "PRAGMA synchronous", "postgresql": "SHOW synchronous_commit"}[connection.vendor]
STRICT = {"sqlite": "2", "postgresql": "on"}[connection.vendor]
RELAXED = {"sqlite": "1", "postgresql": "off"}[connection.vendor]


def asked():
    with connection.cursor() as cursor:
        cursor.execute(NAME)
        return str(cursor.fetchone()[0])


def change(value):
    with connection.cursor() as cursor:
        cursor.execute(NAME.replace("SHOW", "SET") + " = " + value)


@pytest.fixture
def strict():
    """As in production; on SQLite the tests themselves run without any syncing."""
    before = asked()
    change(STRICT)
    yield
    change(before)


def test_commits_are_relaxed_only_meanwhile(strict):
    with commits_may_be_repeated():
        assert asked() == RELAXED

    assert asked() == STRICT


def test_after_a_failure_they_are_strict_again(strict):
    with pytest.raises(KeyError), commits_may_be_repeated():
        raise KeyError

    assert asked() == STRICT


def test_a_connection_that_is_lost_meanwhile_comes_back_strict(strict):
    with commits_may_be_repeated():
        connection.close()

    assert asked() != RELAXED
