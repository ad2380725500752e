"""Bad input at the command: exit 1, one line that names the file and the row, and whole rows before it."""

import json
from pathlib import Path

import pytest

from tests import command
from tests.unit.inventory.conftest import ENVIRONMENT, SCHEMAS, csv_file, write

pytestmark = pytest.mark.process

ROWS = 40_000  # several blocks, so that rows go out before the damage is met


def row(number: int, size: str = "1") -> tuple[str, ...]:
    return ("b", f"folder/{number}-{'k' * 60}", "", "true", size, "2024-04-22T01:11:06.000Z", f"etag{number}")


def damaged(kind: str) -> tuple[bytes, str]:
    sound = [row(number) for number in range(ROWS)]
    if kind == "torn":
        return csv_file(sound)[:-20], "000000.csv.gz is a torn gzip"
    if kind == "rubbish behind":
        return csv_file(sound) + b"rubbish", "has something after the end of its gzip"
    if kind == "a field too few":
        return csv_file([*sound, row(ROWS)[:-1]]), f"000000.csv.gz row {ROWS + 1}: "
    if kind == "a field too many":
        return csv_file([*sound, (*row(ROWS), "more")]), f"000000.csv.gz row {ROWS + 1}: "
    if kind == "no UTF-8":
        return csv_file([*sound, ("b", "%FF", *row(ROWS)[2:])]), f"000000.csv.gz row {ROWS + 1}: the key '%FF'"
    return csv_file([*sound, row(ROWS, "many")]), f"000000.csv.gz row {ROWS + 1}: "


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("torn", "csv"),
        ("rubbish behind", "tsv"),
        ("a field too few", "jsonl"),
        ("a field too many", "keys0"),
        ("no UTF-8", "csv"),
        ("no number", "jsonl"),
    ],
)
def test_what_was_printed_before_is_whole_rows(tmp_path: Path, kind: str, form: str) -> None:
    body, said = damaged(kind)
    manifest = write(tmp_path, "CSV", SCHEMAS["CSV"], [body])
    columns = "key,size" if kind == "no number" else "key"  # what is not asked for is not converted
    ended = command.run_bytes(
        ["inventory", "rows", str(manifest), "--columns", columns, "--format", form], environment=ENVIRONMENT
    )
    lines = ended.stderr.decode().splitlines()
    assert (ended.returncode, len(lines)) == (1, 1)
    assert said in lines[0]
    end = b"\0" if form == "keys0" else b"\n"
    *found, after = ended.stdout.split(end)
    assert after == b""
    given = [each.decode() for each in found[1:] if form in ("csv", "tsv")] or [each.decode() for each in found]
    keys = [json.loads(each)["key"] if form == "jsonl" else each.strip('"') for each in given]
    assert keys, "rows before the damage are given"
    assert keys == [row(number)[1] for number in range(len(keys))]
