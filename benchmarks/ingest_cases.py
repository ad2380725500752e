"""Cases of Bucket Brigade, each in its own process: ``python -m benchmarks.ingest_cases CASE …`` prints JSON."""

import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import ingest_data
from brigade.codec import MemberCompressor
from brigade.ingest.declare.api_source import ApiSource
from brigade.ingest.declare.pagination import Cursor
from brigade.ingest.declare.request import Response
from brigade.ingest.declare.target import Target
from brigade.ingest.read.http import ApiReader
from brigade.ingest.run import Run
from brigade.ingest.state.profile import Profile
from brigade.ingest.write.lines import LineWriter
from brigade.jsonl import Stamp, split_page
from lambdas.memory import peak_mib

_DECLARED: dict[str, Any] = {
    "base_url": "http://127.0.0.1:1",
    "path": "/rows",
    "records": "rows",
    "pagination": Cursor(at="next", parameter="after"),
    "schedule": "rate(1 day)",
    "page_limit": 1_000_000,
}


class Labelled(ApiSource, frozen=True, kw_only=True):
    """A source whose records go through a function."""

    def transform_record(self, record: dict[str, Any]) -> dict[str, Any]:
        """Label the record."""
        record["label"] = str(record["id"])
        return record


class Memory:
    """An API of pages in memory."""

    requests = retries = bytes_in = 0
    waited_s = 0.0

    def __init__(self, kind: str, count: int) -> None:
        self._body, self._count = ingest_data.page(kind), count

    def page(self, cursor: str | None) -> Response:
        """Return the page at the cursor."""
        return Response(ingest_data.numbered(self._body, int((cursor or "T0")[1:]) + 1, self._count), {}, "")

    def stream(self, cursor: str | None) -> tuple[Iterator[bytes], Response]:
        """There is no such answer."""
        raise NotImplementedError

    def address(self, cursor: str | None) -> str:
        """Return the page's name in error messages."""
        return f"/{cursor}"

    def close(self) -> None:
        """Nothing is under way."""


def pipeline(kind: str, count: int, *, function: bool) -> dict[str, float]:
    """Compress pages in memory, with every step of a run between fetching and storing except the digests.

    The peers compute no digests. ``end_to_end`` includes ours.
    """
    pages = list(ingest_data.pages(kind, count))
    source = (Labelled if function else ApiSource)(**_DECLARED)
    before, out = time.process_time(), 0
    pour, gzip = (
        LineWriter(source, Stamp("2026-11-22", "2026-11-22T05:30:00.000Z"), profile=Profile()),
        MemberCompressor(),
    )
    for body in pages:
        page = split_page(body, records="rows", values=("next",), place="page")
        for block in pour.write_page(page):
            out += len(gzip.compress(block))
    out += len(gzip.flush())
    return {"cpu_s": time.process_time() - before, "bytes": out, "rows": pour.records}


def end_to_end(kind: str, count: int, url: str, endpoint: str, bucket: str) -> dict[str, float]:
    """An API to S3; an empty URL is pages in memory."""
    from brigade.aws import Connection

    s3 = Connection(endpoint_url=endpoint, region="us-east-1").client("s3")
    source, target = (
        ApiSource(**_DECLARED),
        Target(f"bench-{kind}-{count}-{time.time_ns()}", "2026-11-22", bucket, bucket),
    )
    api: Any = ApiReader(source, url.removesuffix("/rows"), lambda: 900.0) if url else Memory(kind, count)
    s3.head_bucket(Bucket=bucket)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on, and so is what is idle
    idle = peak_mib()
    outcome = Run(source=source, target=target, api=api, s3=s3, remaining=lambda: 1e6, say=lambda _: None)()
    used = resource.getrusage(resource.RUSAGE_SELF)
    s3.delete_object(Bucket=bucket, Key=target.key)
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "bytes": outcome.bytes or 0,
        "rows": outcome.records or 0,
        "over_idle_mib": peak_mib() - idle,
    }


def main() -> None:
    """Run one case."""
    case, kind, count, *place = sys.argv[1:]
    began = time.monotonic()
    if case == "end to end":
        found = end_to_end(kind, int(count), *place)
    else:
        found = pipeline(kind, int(count), function=case == "function")
    print(json.dumps({"wall_s": time.monotonic() - began, "peak_mib": peak_mib(), **found}))


if __name__ == "__main__":
    main()
