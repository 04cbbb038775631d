import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest
from django.db import connection
from prometheus_client import REGISTRY

from blametrail.intake import deliveries
from blametrail.intake.models import Delivery, Status
from blametrail.jobs import queue
from tests.intake.serving import door, headers, serving, spool

pytestmark = pytest.mark.django_db(transaction=True)

BODY = b'{"action":"created"}'


@pytest.fixture
def served():
    with serving(door()) as address:
        yield address


@pytest.fixture
def post(served):
    def post(path="/hooks/echo/one", body=BODY, sent=None):
        return httpx.post(_url(served, path), content=body, headers=headers(body) if sent is None else sent)

    return post


def _url(address, path="/hooks/echo/one"):
    return f"http://{address[0]}:{address[1]}{path}"


def _begin(address, *lines):
    """Send the head of a request and leave the rest to the test."""
    sender = socket.create_connection(address)
    head = ["POST /hooks/echo/one HTTP/1.1", "Host: testserver", *lines, "", ""]
    sender.sendall("\r\n".join(head).encode())
    return sender


def _answer(sender):
    answer = http.client.HTTPResponse(sender)
    answer.begin()
    return answer


@pytest.mark.parametrize("path", ["/hooks/echo/one", "/hooks/echo/one/"])
def test_a_signed_delivery_is_stored_before_it_is_answered(post, path):
    answer = post(path)

    delivery = Delivery.objects.get()
    assert answer.status_code == 202
    assert (delivery.source, delivery.endpoint, delivery.resource) == ("echo", "one", "error")
    assert (delivery.status, delivery.body_size, deliveries.body_of(delivery)) == (Status.PENDING, len(BODY), BODY)


@pytest.mark.parametrize("body", [b"{not json", b"\xff\xfe\x00", b"", '{"title":"caf\u00e9"}'.encode()])
def test_whatever_is_signed_is_stored_as_it_came(post, body):
    assert post(body=body).status_code == 202

    assert deliveries.body_of(Delivery.objects.get()) == body


def test_a_changed_byte_is_refused_and_stores_nothing(post):
    answer = post(body=BODY.replace(b"created", b"creates"), sent=headers(BODY))

    assert answer.status_code == 401
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("sent", [{}, {"Echo-Hook-Signature": ""}, {"Echo-Hook-Signature": "0" * 64}])
def test_a_missing_or_wrong_signature_is_refused_and_stores_nothing(post, sent):
    assert post(sent=sent).status_code == 401

    assert not Delivery.objects.exists()


def test_two_signatures_are_none(post):
    right = headers(BODY)["Echo-Hook-Signature"]

    assert post(sent=[("Echo-Hook-Signature", right), ("Echo-Hook-Signature", "0" * 64)]).status_code == 401


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_taken(served, method):
    answer = httpx.request(method, _url(served))

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    ["/hooks/echo/two", "/hooks/else/one", "/hooks/echo", "/hooks/", "/hooks/echo/one/more", "/hooks/echo/%2e%2e"],
)
def test_an_unknown_address_is_not_found(post, path):
    assert post(path).status_code == 404
    assert not Delivery.objects.exists()


def test_everything_else_goes_behind_the_door(served):
    assert httpx.get(_url(served, "/accounts/login/")).text == "the page behind the door"


def test_the_signature_is_kept_but_no_cookie_and_no_password(post):
    more = {"Cookie": "session=1", "Authorization": "Bearer t0p", "X-Api-Key": "k3y", "Request-ID": "abc"}

    post(sent=headers(BODY, **more))

    kept = Delivery.objects.get().headers
    assert {"echo-hook-signature", "echo-hook-resource", "request-id"} <= kept.keys()
    assert not {"cookie", "authorization", "x-api-key"} & kept.keys()


def test_a_body_announced_as_too_large_is_refused_before_it_is_sent(served):
    with _begin(served, "Content-Length: 52428800") as sender:
        answer = _answer(sender)

    assert answer.status == 413
    assert answer.headers["Connection"] == "close"


def test_a_body_that_turns_out_too_large_is_refused_on_the_way():
    with serving(door(body=100_000)) as address, _begin(address, "Transfer-Encoding: chunked") as sender:
        for _ in range(11):
            sender.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")  # 0x2710 is 10,000; the end never comes

        assert _answer(sender).status == 413


def test_a_sender_that_is_too_slow_is_cut_off():
    with serving(door(read=timedelta(milliseconds=50))) as address, _begin(address, "Content-Length: 20") as sender:
        sender.sendall(b"half")

        assert _answer(sender).status == 408


def test_a_sender_that_hangs_up_leaves_nothing(served, post):
    _begin(served, "Content-Length: 20").close()

    assert post().status_code == 202
    assert Delivery.objects.count() == 1


def test_more_bodies_at_once_than_there_is_room_for_are_asked_to_come_back():
    body = b"{}"
    lines = [f"{name}: {value}" for name, value in headers(body).items()]
    with serving(door(bodies_at_once=1)) as address, _begin(address, "Content-Length: 2", *lines) as first:
        first.sendall(body[:1])
        answer = httpx.post(_url(address), content=BODY, headers=headers(BODY))
        first.sendall(body[1:])

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert _answer(first).status == 202
        assert httpx.post(_url(address), content=BODY, headers=headers(BODY)).status_code == 202


def test_a_receiver_in_trouble_asks_the_sender_to_come_back(post, caplog):
    answer = post("/hooks/echo/broken")

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "could not be checked" in json.loads(answer.content)["detail"]


@contextmanager
def the_table_gone():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE intake_delivery RENAME TO gone")
        try:
            yield
        finally:
            cursor.execute("ALTER TABLE gone RENAME TO intake_delivery")


def _wait_until_empty(spool):
    pause, ends_at = threading.Event(), time.monotonic() + 30
    while spool.size() and time.monotonic() < ends_at:
        pause.wait(0.05)
    assert spool.size() == 0


def test_what_the_database_does_not_take_is_kept_in_the_spool_until_it_does():
    kept_in = spool()
    with serving(door(kept_in=kept_in)) as address:
        with the_table_gone():
            answers = [
                httpx.post(_url(address), content=b"%d" % number, headers=headers(b"%d" % number))
                for number in range(5)
            ]
            assert kept_in.size() > 0
        _wait_until_empty(kept_in)

    assert {answer.status_code for answer in answers} == {202}
    assert [deliveries.body_of(each) for each in Delivery.objects.order_by("id")] == [b"0", b"1", b"2", b"3", b"4"]


def test_what_neither_the_database_nor_the_spool_keeps_is_told_to_the_sender():
    with serving(door(kept_in=spool(max_bytes=0))) as address:
        with the_table_gone():
            assert httpx.post(_url(address), content=BODY, headers=headers(BODY)).status_code == 503

        pause, ends_at = threading.Event(), time.monotonic() + 30
        while httpx.post(_url(address), content=BODY, headers=headers(BODY)).status_code != 202:
            assert time.monotonic() < ends_at
            pause.wait(0.1)

    assert Delivery.objects.count() == 1


@pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL has a server that can hang up")
def test_a_database_that_hung_up_meanwhile_is_not_noticed_by_the_sender():
    kept_in = spool()
    with serving(door(kept_in=kept_in)) as address:
        httpx.post(_url(address), content=BODY, headers=headers(BODY))
        _hang_up()
        assert httpx.post(_url(address), content=BODY, headers=headers(BODY)).status_code == 202
        _wait_until_empty(kept_in)  # where it is if connecting anew took too long

    assert Delivery.objects.count() == 2


def _hang_up():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert cursor.fetchall()
    queue.huey.storage.close()  # it was hung up on as well, and is not what this is about


def counted(status, reason):
    labels = {"source": "echo", "status": str(status), "reason": reason}
    return REGISTRY.get_sample_value("blametrail_hook_requests_total", labels) or 0


def test_every_answer_is_counted_with_its_reason_and_an_accepted_one_timed(post):
    timed = "blametrail_hook_accepted_seconds_count"
    before = (counted(202, ""), counted(401, "not_authentic"), REGISTRY.get_sample_value(timed))

    post()
    post(sent={})

    after = (counted(202, ""), counted(401, "not_authentic"), REGISTRY.get_sample_value(timed))
    assert after == tuple(number + 1 for number in before)
