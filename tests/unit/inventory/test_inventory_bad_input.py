"""Input that is bad as a whole, at the command: exit 1, one line that says which file, and nothing printed."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from isal import igzip

from tests import command
from tests.unit.inventory.conftest import ENVIRONMENT, SCHEMAS, csv_file, write

pytestmark = pytest.mark.process

ROW = ("b", "k", "", "true", "1", "2024-04-22T01:11:06.000Z", "etag")


def brigade(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return command.run_bytes(["inventory", *arguments], environment=ENVIRONMENT)


def data_file(manifest: Path) -> Path:
    (found,) = (manifest.parents[1] / "data").iterdir()
    return found


def without_checksum(manifest: Path) -> None:
    manifest.with_name("manifest.checksum").unlink()


def with_another_checksum(manifest: Path) -> None:
    manifest.with_name("manifest.checksum").write_text("0" * 32 + "\n")


def without_a_file(manifest: Path) -> None:
    data_file(manifest).unlink()


def in_another_format(manifest: Path) -> None:
    write(manifest.parents[1], "CSV", SCHEMAS["CSV"], [csv_file([ROW])], fileFormat="Avro")


def with_a_row_that_never_ends(manifest: Path) -> None:
    write(manifest.parents[1], "CSV", SCHEMAS["CSV"], [igzip.compress(b'"b","' + b"k" * (100 << 20), 1)])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (without_checksum, "manifest.json has no manifest.checksum beside it: S3 has not finished the delivery"),
        (with_another_checksum, "but manifest.checksum says '00000000000000000000000000000000': damaged"),
        (without_a_file, "000000.csv.gz is not beside"),
        (in_another_format, "manifest.json: the format is 'Avro', not CSV, ORC or Parquet"),
        (with_a_row_that_never_ends, "000000.csv.gz row 1: the row is longer than 2097152 bytes"),
    ],
)
def test_it_is_one_line_with_the_file_and_exit_1(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [csv_file([ROW])])
    spoil(manifest)
    ended = brigade("rows", str(manifest), "--format", "jsonl")
    lines = ended.stderr.decode().splitlines()
    assert (ended.returncode, len(lines), ended.stdout) == (1, 1, b"")
    assert said in lines[0]


def test_a_file_with_another_md5_is_said_after_its_rows_which_are_whole(tmp_path: Path) -> None:
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [csv_file([ROW] * 3)])
    changed = data_file(manifest).read_bytes()
    # The fifth byte is of gzip's own time: the rows are the same, and only the MD5 tells.
    data_file(manifest).write_bytes(changed[:4] + bytes([changed[4] ^ 1]) + changed[5:])
    ended = brigade("rows", str(manifest), "--columns", "key", "--format", "keys0")
    (line,) = ended.stderr.decode().splitlines()
    assert (ended.returncode, "000000.csv.gz has the MD5" in line) == (1, True)
    assert ended.stdout in (b"", b"k\0" * 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("rows", "DELIVERY", "--columns", "key,moon_phase"),
            "no column moon_phase; there are bucket, key,",
        ),
        (("sql", "DROP TABLE inventory", "--delivery", "DELIVERY"), "an inventory is only read"),
        (("sql", "WITH w AS (DELETE FROM inventory) SELECT 1", "--delivery", "DELIVERY"), "an inventory is only read"),
    ],
)
def test_a_column_that_is_not_there_and_a_query_that_writes_are_refused(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [csv_file([ROW])])
    ended = brigade(*(str(manifest) if each == "DELIVERY" else each for each in arguments))
    (line,) = ended.stderr.decode().splitlines()
    assert (ended.returncode, ended.stdout, said in line) == (1, b"", True)
