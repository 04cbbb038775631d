from django.test import RequestFactory

from blametrail.web import leaving

ADDRESS = "https://sentry.io/sentry-apps/blametrail/external-install/?state=a&b=c"


def test_leaving_goes_on_by_itself_and_by_a_link():
    answer = leaving.leave_for(RequestFactory().post("/connect/"), ADDRESS, name="sentry.io")

    written = ADDRESS.replace("&", "&amp;")
    assert answer.status_code == 200
    assert f'<meta http-equiv="refresh" content="0; url={written}">' in answer.text
    assert f'<a class="button button--primary" href="{written}">' in answer.text
