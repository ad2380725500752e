"""A trial: which objects it takes, what it measures, and what it does not."""

import io
import json
from typing import Any

import pyarrow as pa
import pytest

from brigade.jobs.manifest import ObjectColumns, Selected, write_manifest
from brigade.jobs.row import ManifestRow
from brigade.jobs.sample import RandomRows, measure_sample
from tests.fake_client import FakeClient


def rows(many: int) -> list[ManifestRow]:
    return [ManifestRow("lake", f"k{number}") for number in range(many)]


def columns(many: int, each: int) -> list[ObjectColumns]:
    made = []
    for first in range(0, many, each):
        keys = [f"k{number}" for number in range(first, min(first + each, many))]
        made.append(ObjectColumns(pa.array(["lake"] * len(keys)), pa.array(keys), None, pa.array(range(len(keys)))))
    return made


def chosen(selected: Selected, most: int, seed: int) -> list[str]:
    choice = RandomRows(most, seed)
    write_manifest(choice.over(selected), "lake", len)
    return [row.key_text for row in choice.rows]


@pytest.mark.parametrize("most", [0, 1, 5, 100, 1000])
def test_the_same_seed_chooses_the_same_objects_however_they_come(most: int) -> None:
    by_rows = chosen(rows(100), most, 7)
    assert by_rows == chosen(columns(100, 100), most, 7) == chosen(columns(100, 9), most, 7)
    assert len(set(by_rows)) == len(by_rows) == min(most, 100)
    assert by_rows == sorted(by_rows, key=lambda key: int(key[1:]))


def test_each_object_is_chosen_about_as_often_as_any_other() -> None:
    """5 of 50, 600 times: 60 times each, with a standard deviation of 7.3."""
    counts = dict.fromkeys((f"k{number}" for number in range(50)), 0)
    for seed in range(600):
        for key in chosen(columns(50, 7), 5, seed):
            counts[key] += 1
    assert min(counts.values()) > 60 - 5 * 7.3
    assert max(counts.values()) < 60 + 5 * 7.3


class Functions(FakeClient):
    """Lambda: a result and billed milliseconds for each call."""

    def __init__(self, *calls: tuple[str, str, int]) -> None:
        self.calls = list(calls)

    def invoke(self, **_: Any) -> Any:
        import base64

        code, text, billed = self.calls.pop(0)
        answer = {"results": [{"taskId": "0", "resultCode": code, "resultString": text}]}
        log = base64.b64encode(f"Billed Duration: {billed} ms".encode()).decode()
        if code == "crash":
            return {"Payload": io.BytesIO(b'{"errorMessage": "boom"}'), "LogResult": log, "FunctionError": "Unhandled"}
        return {"Payload": io.BytesIO(json.dumps(answer).encode()), "LogResult": log}


def test_failed_objects_are_named_and_their_time_counts_nowhere() -> None:
    functions = Functions(
        ("Succeeded", "first", 9000),
        ("PermanentFailure", "InvalidData: no", 1),
        ("Succeeded", "second", 2000),
        ("crash", "", 1),
        ("TemporaryFailure", "SlowDown", 1),
        ("Succeeded", "third", 4000),
    )
    sample = measure_sample(functions, "arn", rows(6), {})
    assert (sample.objects, sample.seconds, sample.said) == (6, 3.0, "first")
    assert [(each.key, each.text) for each in sample.failures] == [
        ("k1", "InvalidData: no"),
        ("k3", 'Unhandled: {"errorMessage": "boom"}'),
        ("k4", "SlowDown"),
    ]


def test_one_object_that_succeeded_is_counted_and_none_is_no_measure() -> None:
    assert measure_sample(Functions(("Succeeded", "", 500)), "arn", rows(1), {}).seconds == 0.5
    assert measure_sample(Functions(("PermanentFailure", "no", 500)), "arn", rows(1), {}).seconds is None
