"""One ingest in a process of its own, to be killed or measured: ``python -m tests.local.ingest_process …``."""

import sys
from collections.abc import Iterator
from pathlib import Path

from brigade.aws import Connection
from brigade.ingest.declare.request import Response
from brigade.ingest.declare.source import Objects
from brigade.ingest.declare.target import Target
from brigade.ingest.read.http import ApiReader
from brigade.ingest.run import Run
from tests.unit.ingest.api import source

DAYS = [f"2026-{10 + number // 28}-{1 + number % 28:02}" for number in range(40)]


class Memory:
    """An API of ``pages`` pages of ``size`` bytes that compress to about half, made as they are asked for."""

    def __init__(self, pages: int, size: int) -> None:
        import random

        self.pages = pages
        self.noise = random.Random(1).randbytes(size // 2).hex()

        self.requests = self.retries = self.bytes_in = 0
        self.waited_s = 0.0

    def page(self, token: str | None) -> Response:
        number = int(token or 0)
        text = self.noise[number * 997 :] + self.noise[: number * 997]
        following = f'"{number + 1}"' if number + 1 < self.pages else "null"
        rows = ",".join(
            f'{{"n":{number},"day":"{DAYS[number % 40]}","text":"{text[at : at + 33_000]}"}}'
            for at in range(0, len(text), 33_000)
        )
        return Response(f'{{"next":{following},"rows":[{rows}]}}'.encode(), {}, "")

    def stream(self, token: str | None) -> tuple[Iterator[bytes], Response]:
        raise NotImplementedError

    def address(self, token: str | None) -> str:
        return f"/{token}"

    def close(self) -> None:
        """Nothing is under way."""


def peak_mib() -> float:
    """The peak of this process; getrusage would also count the one that started it, from before the exec."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))


def main() -> None:
    """Arguments: endpoint, lake, state bucket, the API's URL or ``PAGESxBYTES`` for one in memory; a date's field."""
    endpoint, lake, state, url, *field = sys.argv[1:]
    s3 = Connection(endpoint_url=endpoint, region="us-east-1").client("s3")
    declared, target = (
        source(page_limit=10_000, objects=Objects(date_field=field[0]) if field else None),
        Target("numbers", "2026-11-22", lake, state),
    )
    if url.startswith("http"):
        api: ApiReader | Memory = ApiReader(declared, url, lambda: 900.0)
    else:
        pages, size = url.split("x")
        api = Memory(int(pages), int(size))
        s3.head_bucket(Bucket=lake)
        Memory(1, int(size)).page(None)
    idle = peak_mib()
    outcome = Run(
        source=declared,
        target=target,
        api=api,
        s3=s3,
        remaining=lambda: 900.0,
        say=lambda text: print(text, file=sys.stderr),
        part_bytes=5 * 1024 * 1024,
    )()
    print(outcome.outcome, peak_mib() - idle)


if __name__ == "__main__":
    main()
