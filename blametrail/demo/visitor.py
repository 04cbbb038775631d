"""A person at a browser without a screen: opens pages, fills in the forms on them, presses their buttons."""

from collections.abc import Iterator, Mapping
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
    unticked: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Button:
    """A button, the form it sends, and what it changes about that."""

    text: str
    form: Form
    action: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """What a person would see after all redirects."""

    address: str
    status: int
    source: str
    text: str
    buttons: tuple[Button, ...]
    links: tuple[str, ...]
    goes_on_to: str

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    def button(self, text: str, *, leading_to: str = "") -> Button:
        """Return the first such button whose form goes to an address with ``leading_to`` in it.

        Raises NotOnThePage.
        """
        for button in self.buttons:
            if button.text == text and leading_to in button.action:
                return button
        there = sorted({button.text for button in self.buttons})
        raise NotOnThePage(
            f"No button “{text}” at {self.path} ({self.status}), only {there}. It says: {self.text[:500]}"
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
        return self._land(self._http.get(urljoin(self._url, address)))

    def _land(self, response: httpx.Response) -> Page:
        page = _read(response)
        return self.open(urljoin(page.address, page.goes_on_to)) if page.goes_on_to else page

    def press(self, page: Page, text: str, *, leading_to: str = "", **filled_in: str) -> Page:
        """Fill in the form that has this button and press it. A select takes the text of its option as well.

        Raises NotOnThePage.
        """
        button = page.button(text, leading_to=leading_to)
        form = button.form
        unknown = set(filled_in) - set(form.fields) - set(form.unticked)
        if unknown:
            raise NotOnThePage(f"No field {sorted(unknown)} at {page.path}, only {sorted(form.fields)}.")
        chosen = {name: form.options.get(name, {}).get(value, value) for name, value in filled_in.items()}
        values = {**form.fields, **chosen, **button.fields}
        address = urljoin(page.address, button.action)
        if form.method == "get":
            return self._land(self._http.get(address, params=values))
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.address))
        headers = {"Referer": page.address, "Origin": origin}
        return self._land(self._http.post(address, data=values, headers=headers))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.goes_on_to = ""
        self.forms: dict[str, Form] = {}
        self.pressable: list[tuple[str, Form | str, dict[str, str]]] = []
        self._form: Form | None = None
        self._select = ""
        self._option: str | None = None
        self._button: dict[str, str] | None = None
        self._button_words: list[str] = []
        self._textarea = ""
        self._is_hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"script", "style"}:
            self._is_hidden = True
        elif tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.goes_on_to = given.get("content", "").partition("=")[2].strip("'\"")
        elif tag == "a" and given.get("href"):
            self.links.append(given["href"])
        elif tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms[given.get("id", f"#{len(self.forms)}")] = self._form
        elif tag == "button":
            self._button, self._button_words = given, []
        elif self._form is not None:
            self._field(self._form, tag, given)

    def _field(self, form: Form, tag: str, given: Mapping[str, str]) -> None:
        name = given.get("name", "")
        match tag:
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
        elif tag == "button" and self._button is not None:
            form = self._button.get("form") or self._form
            if form is not None:
                self.pressable.append((" ".join("".join(self._button_words).split()), form, self._button))
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
        if self._button is not None:
            self._button_words.append(data)
        if self._form is not None and self._textarea:
            self._form.fields[self._textarea] += data
        if self._form is not None and self._option is not None and data.strip():
            self._form.options[self._select][" ".join(data.split())] = self._option
        self.words.append(data)

    def buttons(self) -> Iterator[Button]:
        """Yield the buttons, once the whole page is read: one may belong to a form that stands below it."""
        for text, owner, given in self.pressable:
            form = self.forms.get(owner) if isinstance(owner, str) else owner
            if form is not None:
                fields = {given["name"]: given.get("value", "")} if given.get("name") else {}
                yield Button(text, form, given.get("formaction", form.action), fields)


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
    return Page(
        address=str(response.url),
        status=response.status_code,
        source=response.text,
        text=text,
        buttons=tuple(reader.buttons()),
        links=tuple(reader.links),
        goes_on_to=reader.goes_on_to,
    )
