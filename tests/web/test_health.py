from django.db import OperationalError, connection
from django.test import Client


def test_a_process_with_its_database_is_healthy(db):
    answer = Client().get("/healthz")

    assert (answer.status_code, answer.text) == (200, "ok")


def test_a_process_without_its_database_says_so(db):
    def unreachable(*args):
        raise OperationalError("no route to host")

    with connection.execute_wrapper(unreachable):
        answer = Client().get("/healthz")

    assert answer.status_code == 503
    assert "database" in answer.text


def test_health_can_be_asked_without_the_body(db):
    assert Client().head("/healthz").status_code == 200
