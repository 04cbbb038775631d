"""Set the environment before Django reads it."""

import os
import tempfile

os.environ.setdefault("BLAMETRAIL_BASE_URL", "http://testserver")
os.environ.setdefault("BLAMETRAIL_SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("BLAMETRAIL_ENCRYPTION_KEYS", "t1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
os.environ.setdefault("BLAMETRAIL_DATA_DIR", tempfile.mkdtemp(prefix="blametrail-tests-"))
