"""How fast a host is asked, and when it is left in peace: decisions by table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from blametrail.integrations.sentry import pacing
from blametrail.integrations.sentry.pacing import Heard, HostState, NotNow, Pace, Turn

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PACE = Pace(per_second=20)
SUSPECTED = HostState(silent_to=("a", "b", "c", "d", "e"))
SECOND = timedelta(seconds=1)


def turn(host: HostState, *, now: datetime = NOW) -> Turn:
    decision = pacing.next_turn(host, now=now, pace=PACE)
    assert isinstance(decision, Turn)
    return decision


def after(host: HostState, heard: Heard, *, connection: str = "z", **facts) -> HostState:
    return pacing.after_hearing(host, heard, connection=connection, now=NOW, pace=PACE, **facts)


def test_turns_are_evenly_spaced_however_many_ask_at_once():
    host, moments = HostState(), []
    for _ in range(100):
        decision = turn(host)
        moments.append(decision.at - NOW)
        host = decision.host

    assert moments == [each * SECOND / 20 for each in range(100)]


def test_turns_that_nobody_took_are_not_saved_up():
    host = turn(HostState(next_turn_at=NOW - timedelta(hours=1))).host

    assert host.next_turn_at == NOW + SECOND / 20


@pytest.mark.parametrize(
    "wrong", [{"next_turn_at": NOW + timedelta(days=1)}, {"quiet_until": NOW + timedelta(days=1)}]
)
def test_a_clock_that_was_wrong_elsewhere_holds_nobody_up(wrong):
    assert turn(HostState(**wrong)).at == NOW


def test_four_silent_renewals_in_a_row_are_not_held_against_the_host():
    host = HostState()
    for connection in "abcd":
        host = after(host, Heard.NOTHING, connection=connection)

    assert turn(host).host.quiet_until is None


def test_one_connection_that_is_never_answered_says_nothing_about_the_host():
    host = HostState()
    for _ in range(50):
        host = after(host, Heard.NOTHING, connection="a")

    assert not host.is_suspected(PACE)


def test_a_suspected_host_is_left_in_peace():
    host = after(replace(SUSPECTED, silent_to=("a", "b", "c", "d")), Heard.NOTHING, connection="e")

    assert pacing.next_turn(host, now=NOW, pace=PACE) == NotNow(NOW + timedelta(seconds=5))


def test_then_it_is_probed_by_one_renewal_at_a_time():
    probe = turn(SUSPECTED)

    assert pacing.next_turn(probe.host, now=NOW + SECOND, pace=PACE) == NotNow(NOW + PACE.probe_lasts)


def test_a_probe_whose_process_died_is_followed_by_another():
    probe = turn(SUSPECTED)

    assert turn(probe.host, now=NOW + PACE.probe_lasts).at == NOW + PACE.probe_lasts


@pytest.mark.parametrize(("failed", "seconds"), [(0, 5), (1, 10), (2, 20), (3, 40), (4, 60), (1000, 60)])
def test_the_wait_between_probes_doubles_up_to_a_minute(failed, seconds):
    host = after(replace(SUSPECTED, probes_failed=failed), Heard.NOTHING)

    assert host.quiet_until == NOW + timedelta(seconds=seconds)


def test_the_first_answer_opens_the_host_to_everybody():
    host = after(turn(SUSPECTED).host, Heard.ANSWER)

    assert turn(turn(host).host).host.quiet_until is None


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (None, timedelta(seconds=5)),
        (timedelta(seconds=9), timedelta(seconds=9)),
        (timedelta(0), timedelta(seconds=5)),
        (timedelta(milliseconds=3), SECOND),
        (timedelta(hours=1), timedelta(seconds=60)),
    ],
)
def test_a_429_quietens_the_host_as_long_as_it_asks_and_never_for_long(asked, waited):
    host = after(HostState(), Heard.TOO_MANY, retry_after=asked)

    assert pacing.next_turn(host, now=NOW, pace=PACE) == NotNow(NOW + waited)


def test_a_429_shows_that_the_host_is_there():
    assert not after(SUSPECTED, Heard.TOO_MANY).is_suspected(PACE)


def test_an_answer_to_another_does_not_end_the_wait_that_a_429_asked_for():
    host = after(after(HostState(), Heard.TOO_MANY), Heard.ANSWER)

    assert isinstance(pacing.next_turn(host, now=NOW, pace=PACE), NotNow)


def test_a_person_need_not_wait_for_a_host_left_in_peace():
    host = after(HostState(), Heard.TOO_MANY)

    assert isinstance(pacing.next_turn(host, now=NOW, pace=PACE, heeds_quiet=False), Turn)
