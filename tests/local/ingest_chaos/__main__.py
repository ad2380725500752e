"""SIGKILL of an ingest at seeded random moments, across fetch, write, part, checkpoint and publication.

``python -m tests.local.ingest_chaos --kills N [--seed S]``: runs of date after date are killed until N kills are done:
of sources with one object, of one a day of the records, of one after so many bytes, and of replacements of one object
and of several. Each date ends with a run that nobody kills. Then its objects must have exactly the lines of a run that
was never killed, once, with no upload left open, no checkpoint and so no lease, and what was replaced as the version
before. Ends with a table; exit 1 if anything is lost, doubled or left.
"""

import argparse
import os
import sys
import time

from benchmarks.ingest import aws
from brigade.aws import Connection
from tests.local.ingest_chaos.chaos import WAYS, chaos


def main() -> None:
    """Kill as often as asked, and tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.monotonic()
    with aws() as (environment, endpoint, _):
        os.environ.update(environment)
        s3 = Connection(endpoint_url=endpoint, region="us-east-1").client("s3")
        made = chaos(s3, environment, endpoint, given.seed)
        while (done := made.kills.total()) < given.kills:
            way = [*WAYS][sum(map(len, made.runs.values())) % len(WAYS)]
            made.date(way, min(8, given.kills - done))
            print(f"{made.kills.total()} kills, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(made.table())
    print(f"{'seconds':48}{time.monotonic() - began:>16.0f}")
    sys.exit(0 if made.good else 1)


if __name__ == "__main__":
    main()
