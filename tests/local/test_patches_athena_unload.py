"""Athena's UNLOAD through its own API; each test fails without the patch."""

import pytest

from tests.local.athena_lake import Lake
from tests.local.conftest import Emulator

OPTIONS = "format = 'TEXTFILE', field_delimiter = ',', compression = 'NONE'"


@pytest.fixture(scope="module")
def lake(emulator: Emulator) -> Lake:
    return Lake(emulator)


def test_rows_become_lines_without_a_header_in_several_files(lake: Lake) -> None:
    rows = "SELECT n, if(n = 1, NULL, rpad(CAST(n AS varchar), 9000, 'x')) FROM UNNEST(sequence(1, 1000)) AS t (n)"
    done = lake.start(f"UNLOAD ({rows}) TO 's3://{lake.reports}/unloaded/' WITH ({OPTIONS})")
    assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
    s3 = lake.inventory.s3
    files = [item["Key"] for item in s3.list_objects_v2(Bucket=lake.reports, Prefix="unloaded/")["Contents"]]
    lines = b"".join(s3.get_object(Bucket=lake.reports, Key=key)["Body"].read() for key in files).splitlines()
    assert len(files) == 2
    assert sorted(int(line.partition(b",")[0]) for line in lines) == list(range(1, 1001))
    assert rb"1,\N" in lines
    again = lake.reason(f"UNLOAD (SELECT 1) TO 's3://{lake.reports}/unloaded/' WITH ({OPTIONS})")
    assert again.startswith("HIVE_PATH_ALREADY_EXISTS")


def test_it_writes_as_the_caller_and_in_a_form_that_it_knows(lake: Lake) -> None:
    nobody = lake.emulator.operator("athena")
    asked = f"UNLOAD (SELECT 1) TO 's3://{lake.reports}/denied/' WITH ({OPTIONS})"
    with pytest.raises(nobody.exceptions.ClientError):
        lake.start(asked, nobody)
    assert "TEXTFILE" in lake.reason(f"UNLOAD (SELECT 1) TO 's3://{lake.reports}/x/' WITH (format = 'AVRO')")
