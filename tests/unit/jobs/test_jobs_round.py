"""A key with any characters of UTF-8, from S3's inventory through manifest, Lambda, report and retry, and back."""

import io
import tempfile
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote_plus

from hypothesis import example, given, settings
from hypothesis import strategies as st

from brigade.errors import RetryLater
from brigade.inventory import open_delivery
from brigade.jobs.csv_records import format_record, read_records
from brigade.jobs.manifest import Selected, read_manifest, write_manifest
from brigade.jobs.report import parse_task
from brigade.jobs.row import ManifestRow
from brigade.jobs.selection import select_delivery
from brigade.operations.invocation import parse_invocation as read_event
from brigade.operations.object import Object
from brigade.operations.operation import NoArguments, Operation
from brigade.operations.perform import perform_tasks
from brigade.operations.testing import PAYLOADS
from tests.examples import examples
from tests.unit.inventory.conftest import NO_S3, csv_file
from tests.unit.inventory.conftest import write as deliver
from tests.unit.operations.operations_lake import Lake

EVERY_BYTE = "".join(map(chr, range(128))) + "é߿ࠀ￿𐀀\U0010ffff"  # each first byte of UTF-8 begins one of these


@settings(max_examples=examples(40))  # a busy machine is no failure
@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60), min_size=1, max_size=8, unique=True))
@example([EVERY_BYTE, "a+b c%20d=e,f\"g'h\ni\rj\tk/../l//🪣"])
def test_a_key_comes_back_exactly(keys: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        listed = csv_file([("lake", quote_plus(key, safe="/")) for key in keys])
        delivery = open_delivery(NO_S3, str(deliver(Path(folder), "CSV", "Bucket, Key", [listed])))
        manifest = written(select_delivery(delivery))
    rows = list(read_manifest([manifest], "m"))
    seen = [called(row) for row in rows]
    assert seen == keys
    # S3 writes the manifest's own text of the key; CSV as RFC 4180 has it.
    failed = ("failed", "200", "TemporaryFailure", "later")
    report = "".join(format_record(("lake", row.key_text, "", *failed)) + "\n" for row in rows)
    tasks = [parse_task(record, "r") for _, record in read_records([report.encode()], "r")]
    assert [task.key for task in tasks] == keys
    assert written([ManifestRow(task.bucket, task.key_text, task.version_id) for task in tasks]) == manifest


@settings(max_examples=examples(40))
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=60))
def test_another_tools_spelling_of_a_key_stays_as_it_was(key: str) -> None:
    manifest = f"lake,{quote(key)}\n".encode()
    assert written(list(read_manifest([manifest], "m"))) == manifest


def written(selected: Selected) -> bytes:
    out = io.BytesIO()
    write_manifest(selected, "lake", out.write)
    return out.getvalue()


def called(row: ManifestRow) -> str:
    """The key that an operation is called with, when S3 sends it encoded like a form."""
    keys = []

    def see(source: Object, _: NoArguments) -> str:
        keys.append(source.key)
        raise RetryLater("later")

    task = {**PAYLOADS["2.0"]["tasks"][0], "s3Key": quote_plus(unquote_plus(row.key_text), safe="/")}
    event = {**PAYLOADS["2.0"], "job": {"id": "j"}, "tasks": [task]}
    (result,) = perform_tasks(Operation(run=see, summary="", reads=("*",)), read_event(event), Lake(), 60)
    assert result.code == "TemporaryFailure"
    return keys[0]
