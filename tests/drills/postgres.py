"""A PostgreSQL of its own that a test can stop, as an outage would, and start again."""

import shutil
import subprocess
import time
from pathlib import Path

from blametrail.lib.ports import free_port
from tests.run import _find_postgres, _owner

INSTALLED = bool(_find_postgres())


class Cluster:
    """A throw-away cluster in ``folder``, which the caller removes."""

    def __init__(self, folder: Path) -> None:
        self._binaries = _find_postgres()
        self._folder = folder
        self._owner = _owner()
        self._as_owner = ["runuser", "-u", self._owner, "--"] if self._owner else []
        self._port = free_port()
        if self._owner:
            shutil.chown(folder, self._owner)
        command = [f"{self._binaries}/initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "--no-sync"]
        subprocess.run([*self._as_owner, *command], check=True, stdout=subprocess.DEVNULL, cwd=folder)

    @property
    def address(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "port": self._port, "unix_socket_directories": self._folder}
        command = [f"{self._binaries}/postgres", "-D", self._folder / "data"]
        command += [f"--{name}={value}" for name, value in options.items()]
        with (self._folder / "log").open("a") as log:
            self._server = subprocess.Popen([*self._as_owner, *command], stdout=log, stderr=log, cwd=self._folder)
        ready = [f"{self._binaries}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        for _ in range(300):
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.1)
        raise AssertionError("PostgreSQL did not start.")

    def stop(self) -> None:
        """Stop at once, without a good-bye to anybody."""
        command = [f"{self._binaries}/pg_ctl", "-D", self._folder / "data", "-m", "immediate", "-s", "stop"]
        subprocess.run([*self._as_owner, *command], check=True, cwd=self._folder)
        self._server.wait()
