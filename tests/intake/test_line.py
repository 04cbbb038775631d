import threading

import pytest
from django.db import connection

from blametrail.intake.line import in_line

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite has one write lock for all")
def test_whoever_stands_in_line_is_next_and_never_two_at_once():
    order, arrived = [], threading.Event()

    def stand_in_line():
        arrived.set()
        with in_line():
            order.append("second")

    other = threading.Thread(target=stand_in_line)
    with in_line():
        other.start()
        arrived.wait(10)
        other.join(0.2)
        order.append("first")
    other.join(10)

    assert order == ["first", "second"]


def test_a_failure_gives_the_place_up():
    with pytest.raises(KeyError), in_line():
        raise KeyError

    with in_line():
        pass
