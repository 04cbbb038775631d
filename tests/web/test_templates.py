"""Rules for every template of the product, since a browser would only break them quietly."""

import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.template import Context, Template

import blametrail

TEMPLATES = sorted(Path(blametrail.__file__).parent.rglob("templates/**/*.html"))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_nothing_is_inline_that_the_content_security_policy_forbids(template):
    text = template.read_text()

    assert not re.search(r"\sstyle=|<style", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"\son[a-z]+=|\shx-on|javascript:", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_icon_exists(template):
    for name in re.findall(r'{% lucide "([^"]+)"', template.read_text()):
        assert "<svg" in Template("{% load lucide %}{% lucide name %}").render(Context({"name": name}))


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_static_file_exists(template):
    for name in re.findall(r"{% static '([^']+)' %}", template.read_text()):
        assert finders.find(name)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_every_form_that_changes_something_carries_the_token(template):
    for form in re.findall(r'<form[^>]*method="post".*?</form>', template.read_text(), re.DOTALL):
        assert "{% csrf_token %}" in form
