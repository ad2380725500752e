"""The ingest function as Lambda calls it, over the demo's API and the S3 of the local AWS."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.local.conftest import REPOSITORY
from tests.local.ingest_place import RECORDS, Place, rows

HANDLE = """
import json, sys
from lambdas.ingest.handler import handler
class Context:
    function_name = aws_request_id = invoked_function_arn = "x"
    memory_limit_in_mb = "256"
    def get_remaining_time_in_millis(self): return int(sys.argv[2])
answer = handler(json.loads(sys.argv[1]), Context())
print("ANSWER " + json.dumps(answer))
"""


def test_the_handler_stops_in_time_goes_on_and_measures(place: Place) -> None:
    environment = {
        **place.environment,
        "BRIGADE_SOURCE": "demo",
        "POWERTOOLS_SERVICE_NAME": "ingest-demo",
        "POWERTOOLS_METRICS_NAMESPACE": "Brigade",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }

    said: list[str] = []

    def handle(event: dict[str, Any], milliseconds: int) -> tuple[dict[str, Any], dict[str, Any]]:
        command = [sys.executable, "-c", HANDLE, json.dumps(event), str(milliseconds)]
        ended = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=True)
        said.append(ended.stdout + ended.stderr)
        *_, answer = (line for line in ended.stdout.splitlines() if line.startswith("ANSWER "))
        *_, measured = (line for line in ended.stdout.splitlines() if '"_aws"' in line)
        return json.loads(answer.removeprefix("ANSWER ")), json.loads(measured)

    answer, measured = handle({"scheduled": "2026-11-22T01:00:00Z"}, 4000)
    assert (answer["outcome"], answer["date"], answer["pages"]) == ("more", "2026-11-21", 1)
    assert "Published" not in measured
    answer, measured = handle({"date": answer["date"]}, 900_000)
    assert (answer["outcome"], answer["records"]) == ("published", RECORDS)
    assert measured["service"] == "ingest-demo"
    assert (measured["Published"], measured["Records"], measured["Pages"]) == ([1.0], [RECORDS], [7.0])
    assert measured["BytesOut"] == [answer["bytes"]]
    assert 150 < measured["RecordBytes"][0] < 300
    assert 150 < measured["WidestRecord"][0] < 300, "as it came, without the stamp"
    assert measured["BytesIn"][0] > RECORDS * 100
    assert [measured[name] for name in ("Retries", "WaitSeconds", "Quarantined", "Drift")] == [[0.0]] * 4
    assert 0 < measured["MemoryUsedPercent"][0] < 50
    assert measured["MemoryPeak"][0] == pytest.approx(measured["MemoryUsedPercent"][0] * 2.56)
    assert all(measured[f"{stage}Seconds"][0] > 0 for stage in ("Fetch", "Write", "Publish"))
    answer, measured = handle({"date": answer["date"]}, 900_000)
    assert (answer["outcome"], measured["Published"]) == ("already_published", [1.0])
    receipt = json.loads(place.s3.get_object(Bucket=place.state, Key="receipts/demo/2026-11-21.json")["Body"].read())
    del receipt["profile"]["fields"]["city"]
    place.s3.put_object(Bucket=place.state, Key="receipts/demo/2026-11-20.json", Body=json.dumps(receipt))
    answer, measured = handle({"execution": "new", "event": {"date": answer["date"], "replace": True}}, 900_000)
    assert (answer["outcome"], answer["replace"]) == ("published", True)
    assert (answer["drift"], measured["Drift"]) == (["field city came"], [1.0])
    (warned,) = (json.loads(line) for line in said[-1].splitlines() if '"WARNING"' in line)
    assert warned["message"] == "drift: field city came"
    body = place.s3.get_object(Bucket=place.lake, Key="demo/date=2026-11-21/demo.jsonl.gz")["Body"].read()
    assert not any(rows(body)[0]["name"] in each for each in said), "no record is in a log"
