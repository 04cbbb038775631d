"""Set the environment and then Django up, before any test is read. A database named in the environment is kept."""

import os
import tempfile

import django
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

# A test's database need not survive a power cut. Without this a fsync for each statement takes most of the time.
if "sqlite3" in settings.DATABASES["default"]["ENGINE"]:
    settings.DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"
