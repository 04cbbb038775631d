"""The demo is the product's own journey: it must end with every step done, from an empty folder."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from blametrail.lib.ports import free_port, is_free
from tests.jobs.processes import line_with

ROOT = Path(__file__).parents[2]


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("BLAMETRAIL_", "DJANGO_"))}
    return subprocess.Popen(
        [sys.executable, "-m", "blametrail.cli", "demo", *arguments],
        cwd=folder,
        env=bare | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.drill
def test_the_demo_plays_its_whole_story(tmp_path):
    playing = demo(tmp_path, "--once")
    told, _ = playing.communicate(timeout=180)

    assert playing.returncode == 0, told
    assert "All 16 steps done" in told


@pytest.mark.drill
def test_the_demo_stays_up_until_it_is_ended_and_leaves_nothing_behind(tmp_path):
    port = free_port()
    playing = demo(tmp_path, "--port", str(port))
    line_with(playing, "Everything stays up")
    assert not is_free(port)

    playing.terminate()
    playing.communicate(timeout=60)

    assert is_free(port)


def test_a_taken_port_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        told, _ = demo(tmp_path, "--port", str(port)).communicate(timeout=60)

    assert f"Port {port} is taken" in told
