"""What ``make test`` runs: every test on SQLite and, where PostgreSQL is found, on PostgreSQL.

Arguments are handed to pytest: ``python -m tests.run tests/intake -k claim``. With CI=true, what is missing on the
machine is a failure and not a reason to run less.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blametrail.lib.ports import free_port

CI = os.environ.get("CI") == "true"
PROCESSES = "2"  # each has a database of its own; more than cores gain nothing
POSTGRES_OF_ITS_OWN = ("postgres", "nobody")  # PostgreSQL refuses to run as root; these exist on most machines
DATABASE = "blametrail_tests"


def main(arguments: Sequence[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # so that the cluster is removed on the way out
    missing = [] if shutil.which("chromium") else ["Chromium: the journeys do not run. Install the package chromium."]
    results = {"SQLite": _pytest(arguments, database_url="")}
    if address := os.environ.get("BLAMETRAIL_TEST_POSTGRES"):
        results["PostgreSQL (BLAMETRAIL_TEST_POSTGRES)"] = _pytest(arguments, database_url=address)
    elif binaries := _find_postgres():
        with _cluster(binaries) as address:
            results[f"PostgreSQL ({binaries})"] = _pytest(arguments, database_url=address)
    else:
        missing.append("PostgreSQL: only SQLite was tested. Install the package postgresql.")
    return _report(results, missing)


def _report(results: dict[str, bool], missing: Sequence[str]) -> int:
    print()
    for name, passed in results.items():
        print(f"{'passed' if passed else 'FAILED':<8} on {name}")
    for line in missing:
        print(f"{'MISSING' if CI else 'missing':<8} {line}")
    return 0 if all(results.values()) and not (CI and missing) else 1


def _pytest(arguments: Sequence[str], *, database_url: str) -> bool:
    # Whatever BlameTrail settings the caller has, the tests have their own; an unknown one would be refused.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("BLAMETRAIL_")}
    if database_url:
        variables["BLAMETRAIL_DATABASE_URL"] = database_url
    command = [sys.executable, "-m", "pytest", "-q", "-n", PROCESSES, "--dist", "loadfile", *arguments]
    print(f"\n== {database_url.partition('://')[0] or 'sqlite'}", flush=True)
    return subprocess.run(command, env=variables, check=False).returncode == 0


def _find_postgres() -> str:
    if found := shutil.which("initdb"):
        return str(Path(found).resolve().parent)
    # Debian keeps each version's own programs out of the PATH.
    return max(map(str, Path("/usr/lib/postgresql").glob("*/bin")), default="", key=_version)


def _version(folder: str) -> float:
    return float(Path(folder).parent.name)


@contextmanager
def _cluster(binaries: str) -> Iterator[str]:
    """Run a throw-away PostgreSQL on loopback, which keeps nothing safe and is therefore fast; give its address."""
    folder = Path(tempfile.mkdtemp(prefix="blametrail-postgres-"))
    port = free_port()
    owner = _owner()
    if owner:
        shutil.chown(folder, owner)
    as_owner = ["runuser", "-u", owner, "--"] if owner else []
    try:
        subprocess.run(
            [*as_owner, f"{binaries}/initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
        )
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": folder, "fsync": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (folder / "log").open("w") as log:
            command = [*as_owner, f"{binaries}/postgres", "-D", folder / "data", *options]
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            _wait_for(server, binaries, port)
            yield f"postgresql://postgres@127.0.0.1:{port}/{DATABASE}"
        finally:
            server.terminate()  # waits for sessions to end on their own, of which there are none
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(server: subprocess.Popen[bytes], binaries: str, port: int) -> None:
    create = [f"{binaries}/createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", DATABASE]
    for _ in range(150):
        if subprocess.run(create, check=False, stderr=subprocess.DEVNULL).returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.2)
    raise SystemExit("The throw-away PostgreSQL did not start.")


def _owner() -> str:
    if os.geteuid() != 0:
        return ""
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in POSTGRES_OF_ITS_OWN if name in known)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
