"""The demo is the product's own journey: it must end with every step done, from an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.drill
def test_the_demo_plays_its_whole_story(tmp_path):
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("BLAMETRAIL_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "blametrail.cli", "demo", "--once"],
        cwd=tmp_path,
        env=bare | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "All 16 steps done" in done.stdout
