import pytest

from blametrail.organizations import slugs


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme", "acme"),
        ("Acme Rockets & Co.", "acme-rockets-co"),
        ("Žluťoučký Kůň", "zlutoucky-kun"),
        ("株式会社", "team"),
        ("---", "team"),
        ("Admin", "admin-2"),
        ("x" * 80, "x" * 46),
    ],
)
def test_a_slug_is_made_of_the_name(name, slug):
    assert slugs.suggest(name, taken=()) == slug


def test_a_taken_slug_is_numbered():
    assert slugs.suggest("Acme", taken={"acme", "acme-2"}) == "acme-3"


@pytest.mark.parametrize("name", ["x" * 80, "a-" * 40, "y" * 46])
def test_a_numbered_slug_still_fits(name):
    taken = {slugs.suggest(name, taken=())}

    assert len(slugs.suggest(name, taken=taken)) <= slugs.MAX_LENGTH
