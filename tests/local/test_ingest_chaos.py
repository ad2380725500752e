"""A small seeded sample of what ``make chaos-ingest`` does a thousand times."""

from tests.local.conftest import Emulator
from tests.local.ingest_chaos import chaos


def test_whenever_a_run_is_killed_the_next_ones_end_with_exactly_its_lines_once(emulator: Emulator) -> None:
    s3 = emulator.root("s3")
    made = chaos(s3, emulator.environment("root"), emulator.endpoint, seed=7)
    for most in (2, 3, 3):
        made.date(most)
    assert made.kills >= 3
    s3.close()
