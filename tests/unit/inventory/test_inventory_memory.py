"""Memory: what reading takes over the same process idle stays under its ceiling, whatever the rows and the files."""

import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote_plus

import pyarrow as pa
import pytest
from isal import igzip

from tests.unit.inventory.conftest import SCHEMAS, columnar_file, write

pytestmark = pytest.mark.process

CEILING_MIB = 200
ROWS = 60_000
READ = """
import resource, sys
import duckdb, pyarrow.dataset
from brigade.inventory import open_delivery, read
from brigade.inventory.rows import csv_blocks
from brigade.inventory.rows import scanner
from tests.unit.inventory.conftest import NO_S3
delivery = open_delivery(NO_S3, sys.argv[1])
idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(batch.num_rows for batch in read(delivery))
print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) / 1024)
"""


def body(form: str) -> bytes:
    chance = random.Random(1)
    tags = [f"{chance.getrandbits(128):032x}" for _ in range(ROWS)]
    keys = [f"photographs/{tag}/a b+c {number}.jpg" for number, tag in enumerate(tags)]
    if form == "CSV":
        lines = (
            f'"b","{quote_plus(key, safe="/")}","{tag}","true","{number}","2024-04-22T01:11:06.000Z","{tag}"\n'
            for number, (key, tag) in enumerate(zip(keys, tags, strict=True))
        )
        return igzip.compress("".join(lines).encode(), 1)
    table = pa.table(
        {
            "bucket": pa.array(["b"] * ROWS),
            "key": pa.array(keys),
            "version_id": pa.array(tags),
            "is_latest": pa.array([True] * ROWS),
            "size": pa.array(range(ROWS), pa.int64()),
            "last_modified_date": pa.array([datetime(2024, 4, 22, tzinfo=UTC)] * ROWS, pa.timestamp("ms", tz="UTC")),
            "e_tag": pa.array(tags),
        }
    )
    return columnar_file(table, form)


def over_idle(manifest: Path) -> tuple[int, float]:
    """Rows that a process of its own reads, and the mebibytes that this took over what it had before."""
    done = subprocess.run([sys.executable, "-c", READ, str(manifest)], check=True, capture_output=True, text=True)
    rows, mib = done.stdout.split()
    return int(rows), float(mib)


def test_reading_stays_under_its_ceiling_however_many_files_there_are(tmp_path: Path, form: str) -> None:
    file = body(form)
    few, many = (write(tmp_path / str(count), form, SCHEMAS[form], [file] * count) for count in (4, 16))
    rows, taken = over_idle(few)
    more_rows, more = over_idle(many)
    assert (rows, more_rows) == (4 * ROWS, 16 * ROWS)
    assert more < CEILING_MIB
    assert more < taken + 48, "memory grows with the files"


def test_a_bomb_costs_a_block_and_no_more(tmp_path: Path) -> None:
    row = b'"b","' + b"k" * 1000 + b'","","true","1","2024-04-22T01:11:06.000Z","e"\n'
    packed = igzip.compress(row * 200_000, 1)
    assert len(packed) * 20 < len(row) * 200_000
    rows, taken = over_idle(write(tmp_path, "CSV", SCHEMAS["CSV"], [packed]))
    assert rows == 200_000
    assert taken < CEILING_MIB / 2
