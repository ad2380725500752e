"""Ranges of a key: whatever the cuts, each key is in exactly one."""

from hypothesis import given
from hypothesis import strategies as st

from brigade.ingest.declare.target import Target
from brigade.ingest.partitions import PartitionBounds, merge_profiles
from brigade.ingest.state.profile import Profile

WHOLE = Target("orders", "2026-11-22", "lake", "state", prefix="raw")


@given(st.lists(st.integers(), max_size=99).map(sorted), st.lists(st.integers()))
def test_every_key_is_in_exactly_one_range(cuts: list[int], keys: list[int]) -> None:
    ranges = PartitionBounds(tuple(map(str, cuts))).ranges
    assert len(ranges) == len(cuts) + 1
    for key in [*keys, *cuts, *(cut + 1 for cut in cuts), *(cut - 1 for cut in cuts)]:
        within = [
            name
            for name, (after, until) in ranges.items()
            if (after is None or key > int(after)) and (until is None or key <= int(until))
        ]
        assert len(within) == 1, key


def test_names_are_in_the_order_of_their_keys() -> None:
    ranges = PartitionBounds(tuple(map(str, range(1, 12)))).ranges
    assert [*ranges] == sorted(ranges)
    assert (next(iter(ranges)), ranges["01"], ranges["12"]) == ("01", (None, "1"), ("11", None))
    assert PartitionBounds(()).ranges == {"1": (None, None)}


def test_a_partition_writes_nothing_where_another_or_the_whole_does() -> None:
    targets = [WHOLE, WHOLE.for_partition("01"), WHOLE.for_partition("02")]
    for places in ([t.key, t.quarantine, t.checkpoint, t.receipt] for t in targets):
        assert len({*places}) == 4
    for name in ("key", "quarantine", "checkpoint", "receipt"):
        assert len({getattr(target, name) for target in targets}) == 3
    assert WHOLE.for_partition("01").key == "raw/orders/date=2026-11-22/orders-01.jsonl.gz"
    # What is in receipts/ is a date, to who lists it: the command, and the next date's drift.
    assert not WHOLE.for_partition("01").receipt.startswith("receipts/")


def test_the_profile_of_the_whole_is_that_of_all_records() -> None:
    some = Profile(records=2, plain_bytes=20, widest=12, sampled=2, fields={"id": {"number": 2}, "a": {"text": 1}})
    more = Profile(records=1, plain_bytes=30, widest=30, sampled=1, fields={"id": {"number": 1}, "a": {"null": 1}})
    whole = merge_profiles([some, more])
    assert (whole.records, whole.plain_bytes, whole.widest, whole.sampled) == (3, 50, 30, 3)
    assert whole.fields == {"id": {"number": 3}, "a": {"text": 1, "null": 1}}
    assert some.fields["id"] == {"number": 2}
