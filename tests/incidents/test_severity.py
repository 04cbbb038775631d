from itertools import permutations

import pytest

from blametrail.incidents import severity
from blametrail.incidents.models import Severity
from blametrail.incidents.severity import Extent, Standing

CRITICAL, ERROR, WARNING, INFO = Severity.CRITICAL, Severity.ERROR, Severity.WARNING, Severity.INFO


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("fatal", CRITICAL),
        ("critical", CRITICAL),
        ("error", ERROR),
        ("Warning", WARNING),
        ("info", INFO),
        ("debug", INFO),
        ("sample", INFO),
        ("", ERROR),
        ("log", ERROR),
    ],
)
def test_a_level_has_a_severity(level, expected):
    assert severity.of_level(level) is expected


@pytest.mark.parametrize(("word", "expected"), [("critical", CRITICAL), (" Info ", INFO), ("sev1", None), ("", None)])
def test_a_severity_may_be_named_in_our_words(word, expected):
    assert severity.named(word) is expected


@pytest.mark.parametrize(
    ("extent", "expected"),
    [
        (Extent(severity=ERROR), ERROR),
        (Extent(severity=ERROR, occurrences=99, users=24), ERROR),
        (Extent(severity=ERROR, occurrences=100), CRITICAL),
        (Extent(severity=ERROR, users=25), CRITICAL),
        (Extent(severity=ERROR, occurrences=5_000, users=900), CRITICAL),
        (Extent(severity=INFO, occurrences=100), WARNING),
        (Extent(severity=CRITICAL, occurrences=100), CRITICAL),
        (Extent(severity=INFO, occurrences=100, is_set=True), INFO),
        (Extent(), ERROR),
    ],
)
def test_an_incident_opens_with_a_severity(extent, expected):
    assert severity.initial(extent).severity is expected


@pytest.mark.parametrize(
    ("before", "extent", "expected"),
    [
        (Extent(severity=WARNING), Extent(occurrences=100), ERROR),
        (Extent(severity=WARNING, occurrences=100), Extent(occurrences=200), ERROR),
        (Extent(severity=WARNING, occurrences=100), Extent(severity=ERROR), CRITICAL),
        (Extent(severity=ERROR), Extent(severity=WARNING), ERROR),
        (Extent(severity=ERROR), Extent(severity=INFO, is_set=True), INFO),
        (Extent(severity=INFO, is_set=True), Extent(severity=CRITICAL, users=90), INFO),
        (Extent(severity=INFO, is_set=True), Extent(severity=WARNING, is_set=True), WARNING),
        (Extent(severity=CRITICAL), Extent(severity=WARNING, replaces=True), WARNING),
        (Extent(severity=ERROR, is_set=True), Extent(severity=WARNING, replaces=True), ERROR),
    ],
)
def test_more_news_changes_the_severity(before, extent, expected):
    assert severity.after(severity.initial(before), extent).severity is expected


def test_counts_only_grow():
    standing = Standing(severity=ERROR, is_set=False, occurrences=7, users=3)

    after = severity.after(standing, Extent(occurrences=5, users=4))

    assert (after.occurrences, after.users) == (7, 4)


NEWS = [
    Extent(severity=WARNING, occurrences=3),
    Extent(severity=ERROR, users=2),
    Extent(severity=INFO, occurrences=120),
    Extent(users=40),
]


@pytest.mark.parametrize("order", list(permutations(NEWS)))
def test_the_order_of_news_does_not_matter(order):
    standing = severity.initial(order[0])
    for extent in order[1:]:
        standing = severity.after(standing, extent)

    assert standing == Standing(severity=CRITICAL, is_set=False, occurrences=120, users=40)
