"""The admins are told by e-mail, once, that a connection needs them."""

from datetime import timedelta

import pytest
from django.core import mail

from blametrail.integrations.sentry import disconnecting, notices
from blametrail.integrations.sentry.models import Connection, DisconnectReason
from tests.integrations.sentry.hooks import connected, sentry_app


@pytest.fixture
def connection(acme) -> Connection:
    return connected(acme, sentry_app())


def give_up(connection, now, reason=DisconnectReason.REFUSED):
    disconnecting.give_up(connection, reason, "Sentry answered 401.", now=now)


def test_owner_and_admins_are_told_what_happened_and_where_to_mend_it(connection, now):
    give_up(connection, now)

    notices.send_due(clock=lambda: now)

    (message,) = mail.outbox
    assert sorted(message.bcc) == ["ada@example.com", "alice@example.com"]
    assert message.subject == "Sentry disconnected: Acme Rockets"
    assert "Sentry kept refusing to renew the token." in message.body
    assert "http://testserver/o/acme/integrations/sentry/" in message.body


def test_they_are_told_once(connection, now):
    give_up(connection, now)

    notices.send_due(clock=lambda: now)
    notices.send_due(clock=lambda: now + timedelta(hours=1))
    give_up(connection, now + timedelta(hours=1))
    notices.send_due(clock=lambda: now + timedelta(hours=2))

    assert len(mail.outbox) == 1


def test_what_a_person_did_needs_no_mail(connection, now):
    give_up(connection, now, DisconnectReason.BY_PERSON)

    notices.send_due(clock=lambda: now)

    assert mail.outbox == []


def test_a_mail_server_in_trouble_only_puts_it_off(connection, now, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # nobody listens there
    give_up(connection, now)
    assert notices.send_due(clock=lambda: now) == 0

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert notices.send_due(clock=lambda: now) == 0
    assert notices.send_due(clock=lambda: now + notices.TRY_AGAIN_AFTER) == 1


def test_a_worker_that_dies_while_sending_leaves_the_notice_owed(connection, now):
    give_up(connection, now)
    Connection.objects.filter(pk=connection.pk).update(notice_due_at=now + notices.TRY_AGAIN_AFTER)

    assert notices.send_due(clock=lambda: now + notices.TRY_AGAIN_AFTER) == 1
