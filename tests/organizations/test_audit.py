import pytest

from blametrail.organizations import audit
from blametrail.organizations.models import AuditEntry


@pytest.fixture
def long_history(owner):
    for number in range(audit.PAGE_SIZE + 3):
        audit.record(owner, "service.changed", f"change {number}")


def test_pages_go_from_the_newest_to_the_oldest_without_gap_or_repetition(long_history, acme):
    first = audit.page(acme)
    second = audit.page(acme, older_than=first.older_than)

    told = [entry.subject for entry in first.entries + second.entries]
    assert told == [f"change {number}" for number in reversed(range(audit.PAGE_SIZE + 3))]
    assert second.older_than is None


def test_a_page_is_read_in_one_query_and_the_next_in_two(long_history, acme, django_assert_num_queries):
    with django_assert_num_queries(1):
        first = audit.page(acme)
    with django_assert_num_queries(2):
        audit.page(acme, older_than=first.older_than)


def test_entries_of_the_same_moment_are_each_told_once(owner, acme, now):
    entries = [AuditEntry(organization=acme, verb="service.changed", subject=str(i), at=now) for i in range(60)]
    AuditEntry.objects.bulk_create(entries)

    first = audit.page(acme)
    second = audit.page(acme, older_than=first.older_than)

    assert len({entry.pk for entry in first.entries + second.entries}) == 60


def test_a_group_shows_only_its_verbs(owner, acme):
    audit.record(owner, "member.left", "Bob")
    audit.record(owner, "mapping.created", "backend")

    assert [entry.verb for entry in audit.page(acme, group="member").entries] == ["member.left"]


def test_the_entry_of_another_organization_is_no_place_to_continue_from(owner, malice_inc):
    audit.record(owner, "member.left", "Bob")

    with pytest.raises(AuditEntry.DoesNotExist):
        audit.page(malice_inc, older_than=AuditEntry.objects.get().pk)
