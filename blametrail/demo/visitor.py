"""A person at a browser without a screen: opens pages, fills in the forms on them, presses their buttons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from types import TracebackType
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx


class NotOnThePage(Exception):
    """The page has no such form, button or text; the message quotes what is there."""


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)
    unticked: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """What a person would see after all redirects."""

    address: str
    status: int
    text: str
    forms: tuple[Form, ...]

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    def form(self, *, button: str) -> Form:
        """Return the form with this button. Raises NotOnThePage."""
        for form in self.forms:
            if button in form.buttons:
                return form
        there = [button for form in self.forms for button in form.buttons]
        raise NotOnThePage(
            f"No button “{button}” at {self.path} ({self.status}); there are {there}. {self.text[:600]}"
        )


class Visitor:
    """Keeps cookies, follows redirects, and carries forms' hidden fields as a browser does. A context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(follow_redirects=True, trust_env=False, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def open(self, address: str) -> Page:
        """Open a page, by its whole address or its path at BlameTrail."""
        return _read(self._http.get(urljoin(self._url, address)))

    def press(self, page: Page, button: str, **filled_in: str) -> Page:
        """Fill in the form that has this button and press it. A select takes the text of its option as well.

        Raises NotOnThePage.
        """
        form = page.form(button=button)
        unknown = set(filled_in) - set(form.fields) - set(form.unticked)
        if unknown:
            raise NotOnThePage(f"No field {sorted(unknown)} at {page.path}; there are {sorted(form.fields)}.")
        values = form.fields | {
            name: form.options.get(name, {}).get(value, value) for name, value in filled_in.items()
        }
        return self._submit(page, form, values)

    def _submit(self, page: Page, form: Form, values: Mapping[str, str]) -> Page:
        address = urljoin(page.address, form.action)
        if form.method == "get":
            return _read(self._http.get(address, params=dict(values)))
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.address))
        headers = {"Referer": page.address, "Origin": origin}
        return _read(self._http.post(address, data=dict(values), headers=headers))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._form: Form | None = None
        self._select = ""
        self._option: str | None = None
        self._button: list[str] | None = None
        self._textarea = ""
        self._is_hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style"}:
            self._is_hidden = True
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None:
            self._field(self._form, tag, given)

    def _field(self, form: Form, tag: str, given: Mapping[str, str]) -> None:
        name = given.get("name", "")
        match tag:
            case "button":
                self._button = []
                if name:
                    form.fields[name] = given.get("value", "")
            case "input" if name:
                _read_input(form, name, given)
            case "textarea":
                self._textarea, form.fields[name] = name, ""
            case "select":
                self._select, form.fields[name], form.options[name] = name, "", {}
            case "option" if self._select:
                self._option = given.get("value", "")
                if "selected" in given:
                    form.fields[self._select] = self._option

    def handle_endtag(self, tag: str) -> None:
        if tag in {"script", "style"}:
            self._is_hidden = False
        elif tag == "form":
            self._form = None
        elif tag == "button" and self._form is not None and self._button is not None:
            self._form.buttons.append(" ".join("".join(self._button).split()))
            self._button = None
        elif tag == "textarea":
            self._textarea = ""
        elif tag == "select":
            self._select = ""
        elif tag == "option":
            self._option = None

    def handle_data(self, data: str) -> None:
        if self._is_hidden:
            return
        if self._form is not None:
            if self._button is not None:
                self._button.append(data)
            if self._textarea:
                self._form.fields[self._textarea] += data
            if self._option is not None and data.strip():
                self._form.options[self._select][" ".join(data.split())] = self._option
        self.words.append(data)


def _read_input(form: Form, name: str, given: Mapping[str, str]) -> None:
    if given.get("type") not in {"checkbox", "radio"}:
        form.fields[name] = given.get("value", "")
    elif "checked" in given:
        form.fields[name] = given.get("value", "on")
    else:
        form.unticked[name] = given.get("value", "on")


def _read(response: httpx.Response) -> Page:
    reader = _Reader()
    reader.feed(response.text)
    text = unescape(" ".join(" ".join(reader.words).split()))
    return Page(str(response.url), response.status_code, text, tuple(reader.forms))
