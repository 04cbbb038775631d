"""Processes of the product, started against the test's own database and data folder."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from urllib.parse import quote

from django.db import connection

PATIENCE = 180  # seconds; a process is started in one, unless the machine is very busy


def environment(**changes):
    """Return the environment of a process that uses the same database as the test."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return {**inherited, "BLAMETRAIL_DATABASE_URL": database_url(), "PYTHONUNBUFFERED": "1", **changes}


def database_url():
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    password = f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else ""
    return f"postgresql://{database['USER']}{password}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


@contextmanager
def running(*arguments, **changes):
    """Run ``python -m ARGUMENTS``; at the end make sure that it is gone. Its output is read line by line."""
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=environment(**changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    overdue = threading.Timer(PATIENCE, process.kill)  # or a line that never comes would be waited for without end
    overdue.start()
    try:
        yield process
    finally:
        overdue.cancel()
        process.kill()
        process.stdout.close()
        process.wait()


def line_with(process, text):
    """Wait for a line of output that has ``text`` in it, and return it."""
    return lines_with(process, text)[text]


def lines_with(process, *texts):
    """Wait until each of ``texts`` was in a line of output, in whatever order; return the lines by text."""
    seen, found = [], {}
    while len(found) < len(texts):
        line = process.stdout.readline()
        assert line, f"{set(texts) - found.keys()} was not said in:\n{''.join(seen)}"
        seen.append(line)
        found.update({text: line for text in texts if text in line})
    return found
