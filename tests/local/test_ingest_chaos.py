"""A small seeded sample of what ``make chaos-ingest`` does a thousand times."""

from tests.local.conftest import Emulator
from tests.local.ingest_chaos.chaos import WAYS, chaos
from tests.local.ingest_chaos.left import left
from tests.local.ingest_process import Memory


def test_whenever_a_run_is_killed_the_next_ones_end_with_exactly_its_lines_once(emulator: Emulator) -> None:
    s3 = emulator.root("s3")
    made = chaos(s3, emulator.environment("root"), emulator.endpoint, seed=7)
    for way in WAYS:
        made.date(way, 3)
    assert made.good, made.table()
    assert made.kills.total() >= 4, made.table()
    missing = left(s3, made.target, Memory(1, 1024))
    assert missing.lost == 1  # what compares does see that a date is not there
    s3.close()
