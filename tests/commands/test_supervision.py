from datetime import timedelta

import pytest

from blametrail.commands.supervision import pause_after


@pytest.mark.parametrize(
    ("deaths", "seconds"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (6, 16), (7, 30), (8, 30), (1000, 30)]
)
def test_what_keeps_dying_is_started_after_longer_and_longer_pauses(deaths, seconds):
    assert pause_after(deaths) == timedelta(seconds=seconds)
