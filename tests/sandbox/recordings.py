"""Reads the recordings of a real Sentry and compares JSON by shape."""

import json
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "recordings"
SECRETS = {
    "/hooks/sentry": "e14835d4d5f363e353c7bc0a6c57f69092f99b128d7ac784bdbf3e82889792a4",
    "/hooks/internal": "86c486f2cce356062c4e424c52f82b38e5281bd79c76db43731ba96a694b7220",
}


@dataclass(frozen=True)
class Exchange:
    status: int
    headers: Message
    body: object


@dataclass(frozen=True)
class Hook:
    path: str
    headers: Message
    raw: bytes

    @property
    def body(self) -> dict:
        return json.loads(self.raw)


def read_exchange(path: Path) -> Exchange:
    answer = path.read_text().split("# <<< response\n")[1]
    head, _, body = answer.partition("\n\n")
    status_line, _, headers = head.partition("\n")
    return Exchange(int(status_line.split()[1]), Parser().parsestr(headers), json.loads(body))


def read_hook(path: Path) -> Hook:
    first, _, headers = path.read_text().partition("\n\n")[0].partition("\n")
    return Hook(first.split()[1], Parser().parsestr(headers), path.with_suffix(".body").read_bytes())


def names(folder: str) -> list[str]:
    return sorted(path.stem for path in (FOLDER / folder).glob("*.http"))


def differences(real: object, ours: object, place: str = "$") -> list[str]:
    """Name every place where keys or types differ; values do not matter, nor do items after the first."""
    if isinstance(real, dict) and isinstance(ours, dict):
        missing = [f"{place}.{key} missing" for key in real.keys() - ours.keys()]
        added = [f"{place}.{key} added" for key in ours.keys() - real.keys()]
        shared = real.keys() & ours.keys()
        return missing + added + [it for key in shared for it in differences(real[key], ours[key], f"{place}.{key}")]
    if isinstance(real, list) and isinstance(ours, list):
        return differences(real[0], ours[0], f"{place}[]") if real and ours else []
    return [] if type(real) is type(ours) else [f"{place} is {_kind(ours)}, not {_kind(real)}"]


def _kind(value: object) -> str:
    return type(value).__name__
