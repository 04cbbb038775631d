"""Set the environment and then Django up, before any test is read. A database named in the environment is kept."""

import os
import tempfile
from collections.abc import Iterator

import django
import pytest
from django.conf import settings

os.environ.update(
    {
        "DJANGO_SETTINGS_MODULE": "blametrail.settings",
        "BLAMETRAIL_BASE_URL": "http://testserver",
        "BLAMETRAIL_SECRET_KEY": "only-for-tests-" + "x" * 40,
        "BLAMETRAIL_ENCRYPTION_KEYS": "t1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "BLAMETRAIL_DATA_DIR": tempfile.mkdtemp(prefix="blametrail-tests-"),
        "BLAMETRAIL_EMAIL_URL": "console:",
    }
)
django.setup()

from blametrail.jobs import queue  # noqa: E402 -- reads the settings

# A test's database need not survive a power cut. Without this a fsync for each statement takes most of the time.
if "sqlite3" in settings.DATABASES["default"]["ENGINE"]:
    settings.DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    yield
    # The queue's own connection would keep PostgreSQL from dropping the tests' database.
    queue.huey.storage.close()
