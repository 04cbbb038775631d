"""The product's settings for the plain view: the same database, and nothing that would slow it down."""

from blametrail.settings import *  # noqa: F403 -- that is what settings are for
from blametrail.settings import DATABASES

ROOT_URLCONF = "bench.plain"
MIDDLEWARE: list[str] = []
INSTALLED_APPS = ["blametrail.intake"]
if "sqlite" in str(DATABASES["default"]["ENGINE"]):
    DATABASES["default"]["CONN_MAX_AGE"] = None
