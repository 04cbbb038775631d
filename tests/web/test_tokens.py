"""The colours hold WCAG 2.2 AA in both themes: 4.5 for text, 3 for what marks a field or carries meaning."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

TOKENS = Path(finders.find("web/tokens.css")).read_text()
COLOURS = {
    name: {"light": light, "dark": dark}
    for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS)
}
TONES = ["critical", "error", "warning", "info", "success", "held"]
SURFACES = ["page", "side", "card", "raised", "hover", "sunken"]
TEXT = [(ink, ground) for ink in ["ink", "ink-2", "ink-3", "accent", "danger"] for ground in SURFACES]
TEXT += [(f"{tone}-ink", f"{tone}-soft") for tone in TONES]
TEXT += [(f"{tone}-ink", "card") for tone in TONES]
TEXT += [
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("on-danger", "danger"),
    ("on-danger", "danger-hover"),
]
TEXT += [("accent", "accent-soft"), ("accent-hover", "page")]
SIGNS = [(f"{tone}-solid", ground) for tone in TONES for ground in ["card", "hover"]]
SIGNS += [("line-field", ground) for ground in ["card", "page", "raised"]]
SIGNS += [("focus", ground) for ground in SURFACES]


def _luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one, other):
    darker, lighter = sorted([_luminance(one), _luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(ink, ground, theme):
    assert _contrast(COLOURS[ink][theme], COLOURS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("sign", "ground"), SIGNS)
def test_signs_and_fields_stand_out(sign, ground, theme):
    assert _contrast(COLOURS[sign][theme], COLOURS[ground][theme]) >= 3


def test_every_colour_used_is_a_token():
    names = set(re.findall(r"--([\w-]+):", TOKENS)) | {"tone", "tint", "chevron"}
    sheets = Path(finders.find("web/tokens.css")).parent.glob("*.css")

    used = {name for sheet in sheets for name in re.findall(r"var\(--([\w-]+)\)", sheet.read_text())}

    assert used - names == set()
