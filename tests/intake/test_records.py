from hypothesis import given
from hypothesis import strategies as st

from blametrail.intake import records

contents = st.lists(st.binary(max_size=200) | st.just(records.MARK), max_size=8)


def whole(data):
    return [piece.content for piece in records.pieces(data) if piece.is_whole]


def damaged(data):
    return [piece.content for piece in records.pieces(data) if not piece.is_whole]


@given(contents)
def test_what_was_written_is_read_in_order(written):
    data = b"".join(map(records.frame, written))

    assert (whole(data), damaged(data)) == (written, [])


@given(contents, st.data())
def test_a_torn_tail_costs_only_the_record_it_tears(written, draw):
    data = b"".join(map(records.frame, written))
    torn = data[: draw.draw(st.integers(0, len(data)))]

    read = whole(torn)
    assert read == written[: len(read)]
    assert b"".join(map(records.frame, read)) + b"".join(damaged(torn)) == torn


@given(st.lists(st.binary(max_size=50), min_size=3, max_size=3), st.binary(min_size=1, max_size=60))
def test_behind_damage_the_next_record_is_found(written, rubbish):
    first, second, third = map(records.frame, written)
    middle = bytearray(second)
    middle[-1 if written[1] else len(records.MARK)] ^= 0xFF

    data = first + bytes(middle) + rubbish.replace(records.MARK, b"") + third
    assert (whole(data)[0], whole(data)[-1]) == (written[0], written[2])
    assert b"".join(damaged(data)) == bytes(middle) + rubbish.replace(records.MARK, b"")


@given(st.binary(max_size=500))
def test_any_bytes_are_read_to_their_end(data):
    ends = [piece.end for piece in records.pieces(data)]

    assert ends == sorted(ends)
    assert (ends or [0])[-1] == len(data)
