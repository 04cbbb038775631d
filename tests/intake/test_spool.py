import subprocess
import sys

import pytest

from blametrail.intake import spool as spools
from blametrail.intake.spool import SET_ASIDE, Full, Spool

# Keeps a file with what it was told until it is killed, as a web process does.
HOLDER = """
import sys
from pathlib import Path
from blametrail.intake.spool import Spool
spool = Spool(Path(sys.argv[1]), max_bytes=10**6)
spool.append([b"from another process"])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def spool(folder):
    with_room = Spool(folder, max_bytes=10**6)
    yield with_room
    with_room.close()


def drain(spool, insert=None):
    moved = []

    def take(contents):
        moved.extend(contents)
        return []

    while spool.drain_some(insert or take):
        pass
    return moved


def forget(_contents):
    return []


def files(folder):
    return sorted(path.name for path in folder.glob("*.spool"))


def set_aside(folder):
    return [path.read_bytes() for path in sorted((folder / SET_ASIDE).glob("*"))]


def test_what_was_appended_is_drained_in_order_and_gone(spool, folder):
    for number in range(250):
        spool.append([b"%d" % number, b"and %d" % number])

    assert drain(spool) == [text % number for number in range(250) for text in (b"%d", b"and %d")]
    assert files(folder) == []
    assert spool.size() == 0


def test_it_never_grows_beyond_its_bound(spool):
    for _ in range(9):
        spool.append([b"x" * 100_000])

    with pytest.raises(Full):
        spool.append([b"x" * 100_000])
    assert 900_000 < spool.size() <= 10**6
    drain(spool)
    spool.append([b"x" * 100_000])


def test_two_on_one_folder_share_the_bound(spool, folder):
    spool.append([b"x" * 600_000])

    with pytest.raises(Full):
        Spool(folder, max_bytes=10**6).append([b"x" * 600_000])


def test_what_insert_raises_leaves_everything_for_the_next_time(spool):
    spool.append([b"one", b"two"])

    def fail(contents):
        raise ConnectionError

    with pytest.raises(ConnectionError):
        spool.drain_some(fail)
    spool.append([b"three"])
    assert drain(spool) == [b"one", b"two", b"three"]


def test_a_database_that_stays_away_does_not_cost_a_file_for_each_try(spool, folder):
    def fail(contents):
        raise ConnectionError

    for _ in range(20):
        spool.append([b"one more"])
        with pytest.raises(ConnectionError):
            spool.drain_some(fail)

    assert len(files(folder)) == 2
    assert len(drain(spool)) == 20


def test_what_can_never_be_inserted_is_set_aside(spool, folder):
    spool.append([b"good", b"bad", b"also good"])

    drain(spool, insert=lambda _contents: [b"bad"])

    assert set_aside(folder) == [b"bad"]
    assert files(folder) == []


def test_a_long_outage_is_kept_in_several_files_and_drained_in_order(folder, monkeypatch):
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 1000)
    spool = Spool(folder, max_bytes=10**6)
    written = [b"%03d" % number + b"x" * 300 for number in range(20)]
    for content in written:
        spool.append([content])

    assert len(files(folder)) >= 5
    assert drain(spool) == written


def test_a_file_left_by_another_is_found_by_the_next(spool, folder):
    spool.append([b"left behind"])
    spool.close()

    assert drain(Spool(folder, max_bytes=10**6)) == [b"left behind"]


def test_a_torn_tail_is_kept_aside_and_what_stands_before_it_is_drained(spool, folder):
    spool.append([b"whole", b"will be torn"])
    spool.close()
    path = folder / files(folder)[0]
    path.write_bytes(path.read_bytes()[:-3])

    assert drain(Spool(folder, max_bytes=10**6)) == [b"whole"]
    assert [content.endswith(b"will be t") for content in set_aside(folder)] == [True]


def test_a_damaged_record_is_kept_aside_told_loudly_and_costs_no_other(spool, folder, caplog):
    spool.append([b"first", b"damaged", b"third"])
    spool.close()
    path = folder / files(folder)[0]
    path.write_bytes(path.read_bytes().replace(b"damaged", b"dumaged"))

    assert drain(Spool(folder, max_bytes=10**6)) == [b"first", b"third"]
    [content] = set_aside(folder)
    assert content.endswith(b"dumaged")
    told = [record.msg for record in caplog.records if record.levelname == "ERROR"]
    assert [each["event"] for each in told] == ["spool.set_aside"]


def test_the_file_of_a_living_process_is_left_to_it_and_of_a_killed_one_drained(spool, folder):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        assert drain(spool) == []
    finally:
        holder.kill()
        holder.communicate()

    assert drain(spool) == [b"from another process"]


def test_while_one_drains_a_file_another_does_not(spool, folder):
    spool.append([b"x" * 1_500 for _ in range(150)])
    spool.close()
    first, second = (Spool(folder, max_bytes=10**6) for _ in range(2))

    assert first.drain_some(forget)
    assert not second.drain_some(forget)
    first.close()
    assert second.drain_some(forget)
    second.close()


def test_only_its_owner_may_read_it(spool, folder):
    spool.append([b"one"])

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.spool")} == {0o600}
