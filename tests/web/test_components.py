from django import forms
from django.template.loader import render_to_string
from django.test import RequestFactory

from blametrail.web.templatetags.frame import initial, section_of


class EveryKind(forms.Form):
    name = forms.CharField(help_text="As your team knows it.")
    note = forms.CharField(widget=forms.Textarea, required=False)
    kind = forms.ChoiceField(choices=[("a", "Apple"), ("b", "Pear")])
    colour = forms.ChoiceField(choices=[("r", "Red"), ("g", "Green")], widget=forms.RadioSelect)
    days = forms.MultipleChoiceField(choices=[("1", "Monday")], widget=forms.CheckboxSelectMultiple, required=False)
    is_active = forms.BooleanField(label="Active", required=False)
    file = forms.FileField(required=False)
    secret = forms.CharField(widget=forms.HiddenInput)

    def clean(self):
        raise forms.ValidationError("These do not go together.")


def _form(form):
    return render_to_string("components/form.html", {"form": form, "submit": "Keep"}, RequestFactory().get("/"))


def test_every_kind_of_field_has_its_label():
    html = _form(EveryKind())

    assert '<label for="id_name">Name</label>' in html
    assert "<legend>Colour</legend>" in html
    assert 'type="radio"' in html
    assert '<label for="id_is_active">Active</label>' in html
    assert 'enctype="multipart/form-data"' in html
    assert ">Keep</button>" in html


def test_what_may_be_left_out_is_marked():
    assert '<label for="id_note">Note <span class="optional">optional</span></label>' in _form(EveryKind())


def test_help_and_faults_are_tied_to_their_field():
    html = _form(EveryKind({"kind": "a", "colour": "r", "secret": "s"}))

    assert 'aria-describedby="id_name_helptext id_name_error"' in html
    assert 'id="id_name_helptext"' in html
    assert '<ul class="errors" id="id_name_error"><li>This field is required.</li></ul>' in html
    assert 'aria-invalid="true"' in html


def test_what_is_wrong_with_the_whole_is_told_first():
    html = _form(EveryKind({"name": "x"}))

    assert html.index("These do not go together.") < html.index('id="id_name"')


def test_the_address_tells_the_active_section():
    assert section_of("/o/acme/incidents/4/") == "incidents"
    assert section_of("/o/acme/integrations/sentry/") == "integrations"
    assert section_of("/o/acme/members/") == "settings"
    assert section_of("/accounts/email/") == ""


def test_an_initial_is_a_letter_whatever_the_name():
    assert [initial("acme"), initial("  ö"), initial("")] == ["A", "Ö", "?"]


def test_a_confirmation_says_what_will_happen_and_can_be_left(db):
    context = {
        "title": "Delete this mapping?",
        "text": "Alerts of this project open nothing any more.",
        "consequences": ["Incidents stay."],
        "button": "Delete mapping",
        "cancel": "/back/",
    }

    html = render_to_string("components/confirm.html", context, RequestFactory().get("/"))

    assert "<li>Incidents stay.</li>" in html
    assert '<button class="button button--danger">Delete mapping</button>' in html
    assert 'href="/back/"' in html
