import subprocess
import sys

import pytest

from blametrail import environment
from blametrail.environment import Misconfigured
from tests.jobs.processes import environment as environment_of_a_process

KEY = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
GOOD = {
    "BLAMETRAIL_BASE_URL": "https://blametrail.example",
    "BLAMETRAIL_SECRET_KEY": "x" * 40,
    "BLAMETRAIL_ENCRYPTION_KEYS": KEY,
}


def problems(**changes):
    variables = {**GOOD, **{f"BLAMETRAIL_{name}": value for name, value in changes.items()}}
    with pytest.raises(Misconfigured) as misconfigured:
        environment.read({name: value for name, value in variables.items() if value is not None})
    return misconfigured.value.problems


def test_three_settings_are_enough():
    read = environment.read({**GOOD, "PATH": "/bin", "OTHER_X": "y"})

    assert read.base_url == "https://blametrail.example"
    assert read.sentry_base_url == "https://sentry.io"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BASE_URL", None, "is not set, and BlameTrail cannot start without it"),
        ("SECRET_KEY", None, "is not set, and BlameTrail cannot start without it"),
        ("ENCRYPTION_KEYS", None, "Make one with: blametrail keys generate"),
        ("BASE_URL", "blametrail.example", "must be a web address such as https://blametrail.example"),
        ("BASE_URL", "ftp://blametrail.example", "must be a web address"),
        ("BASE_URL", "https://example.org/blametrail", "must end with the host or port"),
        ("SECRET_KEY", "short", "at least 32"),
        ("ENCRYPTION_KEYS", "", "at least 1"),
        ("ENCRYPTION_KEYS", "k1", "must be written NAME:BASE64"),
        ("ENCRYPTION_KEYS", "k1:c2hvcnQ=", "with 32 bytes"),
        ("ENCRYPTION_KEYS", f"{KEY},{KEY}", "two keys have the same name"),
        ("DATABASE_URL", "mysql://localhost/x", "must be sqlite:///PATH or postgresql://"),
        ("DATABASE_URL", "postgresql://localhost:port/x", "must be sqlite:///PATH or postgresql://"),
        ("DATABASE_URL", "postgresql://localhost", "must be sqlite:///PATH or postgresql://"),
        ("DATABASE_URL", "sqlite:///", "must be sqlite:///PATH or postgresql://"),
        ("DATABASE_POOL", "0", "greater than or equal to 1"),
        ("EMAIL_URL", "mail.example", "must begin with console:, file:, smtp:// or smtps://"),
        ("SIGN_UP", "perhaps", "boolean"),
        ("WEB_PROCESSES", "many", "integer"),
        ("WORKER_THREADS", "0", "greater than or equal to 1"),
        ("DELIVERY_MAX_BYTES", "10", "greater than or equal to 65536"),
        ("LOG_LEVEL", "LOUD", "pattern"),
        ("TRUSTED_PROXIES", "-1", "greater than or equal to 0"),
        ("SECRET_KEY_FILE", "/nonexistent", "cannot be read (FileNotFoundError)"),
        ("SENTRY_APP_SLUG", "My App", "pattern"),
    ],
)
def test_a_wrong_setting_is_told_in_one_line(name, value, said):
    lines = problems(**{name: value})

    [line] = [line for line in lines if line.startswith(f"BLAMETRAIL_{name}: ")]
    assert said in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("misspelled", "meant"),
    [("BASE_ULR", "BASE_URL"), ("SENTRY_SECRET", "SENTRY_CLIENT_SECRET"), ("ENCRYPTION_KEY", "ENCRYPTION_KEYS")],
)
def test_a_misspelled_setting_is_told_with_the_one_that_was_meant(misspelled, meant):
    [line] = problems(**{misspelled: "x"})

    assert line == f"BLAMETRAIL_{misspelled}: is not a setting of BlameTrail. Did you mean BLAMETRAIL_{meant}?"


def test_a_setting_like_none_other_points_to_the_list():
    [line] = problems(ZZZ="x")

    assert "docs/operating.md" in line


def test_half_a_sentry_app_is_told():
    [line] = problems(SENTRY_APP_SLUG="blametrail", SENTRY_CLIENT_ID="1234")

    assert line.startswith("BLAMETRAIL_SENTRY_CLIENT_SECRET: must be set too")


def test_every_fault_is_told_at_once():
    assert len(problems(BASE_URL="x", SECRET_KEY="x", LOG_LEVEL="x")) == 3


def test_a_secret_may_come_from_a_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("y" * 40 + "\n")
    variables = {**GOOD, "BLAMETRAIL_SECRET_KEY_FILE": str(path)}
    del variables["BLAMETRAIL_SECRET_KEY"]

    assert environment.read(variables).secret_key.get_secret_value() == "y" * 40


def test_a_setting_and_its_file_together_are_told(tmp_path):
    path = tmp_path / "secret"
    path.write_text("y" * 40)

    [line] = problems(SECRET_KEY_FILE=str(path))
    assert "given twice" in line


def test_no_secret_is_repeated_in_a_complaint():
    lines = problems(SECRET_KEY="s3cret-too-short", ENCRYPTION_KEYS="s3cret-key", SENTRY_CLIENT_SECRET="s3cret")

    assert "s3cret" not in "\n".join(lines)


@pytest.mark.parametrize("verb", ["web", "worker", "up", "migrate", "doctor"])
def test_a_command_with_wrong_settings_ends_with_lines_and_no_traceback(verb):
    variables = environment_of_a_process(BLAMETRAIL_SECRET_KEY="x", BLAMETRAIL_BASE_ULR="y")

    ended = subprocess.run(
        [sys.executable, "-m", "blametrail.cli", verb], env=variables, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 2
    named = sorted(line.partition(":")[0] for line in ended.stderr.splitlines())
    assert named == ["BLAMETRAIL_BASE_ULR", "BLAMETRAIL_SECRET_KEY"]
    assert ended.stdout == ""
