"""What the documents say of the repository is true."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/*.md")])
NAMED_TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs/seed-coverage.md").read_text())))


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("path", "name"), NAMED_TESTS)
def test_every_test_that_proves_a_sentence_exists(path, name):
    assert name in functions_of(ROOT / path)


def test_many_sentences_are_proved():
    assert len(NAMED_TESTS) > 30


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    relative = [link for link in links if not link.startswith(("http://", "https://", "mailto:"))]

    assert [link for link in relative if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_named_in_code_marks_exist(document):
    named = re.findall(
        r"`((?:blametrail|sentry_sandbox|tests|bench|docs)/[\w./-]+\.(?:py|md))`", document.read_text()
    )

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_room_that_the_architecture_names_exists():
    table = (ROOT / "docs/architecture.md").read_text().partition("## Rooms")[2].partition("## Rules")[0]
    rooms = [
        room for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for room in re.findall(r"`(.*?)`", cell)
    ]

    assert rooms
    missing = [
        r for r in rooms if not (ROOT / "blametrail" / r).exists() and not (ROOT / f"blametrail/{r}.py").exists()
    ]
    assert missing == []
