"""`make demo`: the whole product on the local AWS, from deployment to a finished and retried job.

Everything is done by the ``brigade`` command, as a person would type it; each command is shown before it runs. What it
found is also written to ``.brigade/demo.json``. It can be run again and again, and after Ctrl-C.
"""

import argparse
import datetime
import json
import sys
import time
from pathlib import Path
from typing import Any

from local.demo import photographs
from local.demo.api import serving
from local.demo.command import asked, shown, tell, use_local_account
from local.demo.lake import Lake
from local.home import Home

_FIGURES = Path(".brigade/demo.json")
_API_FOLDER, _API_PORT = Path(".brigade/demo-api"), 4701
_PHOTOGRAPHS = ("thumbnail", "--where", f"key LIKE '{photographs.PREFIX}%'")
_BY_FOLDER = """
SELECT split_part(key, '/', 1) AS folder, count(*) AS objects, sum(size) AS bytes
FROM inventory GROUP BY 1 ORDER BY 3 DESC
"""
_LARGEST = "SELECT key, size FROM inventory ORDER BY size DESC LIMIT 5"


def account() -> Lake:
    """Start the AWS of this machine and deploy the stacks to it."""
    tell("An AWS on this machine, and the stacks deployed to it")
    shown("local", "up")
    print("(the first deploy takes about a minute)")
    shown("--quiet", "local", "deploy")
    use_local_account()
    return Lake(Home.chosen().path / "credentials.json", "dev")


def load(lake: Lake) -> list[photographs.Tile]:
    """Write the photographs to the lake, three of them broken."""
    tiles = list(photographs.tiles(next(Path(".brigade/demo-venv/lib").glob("python3*/site-packages"))))
    broken = [tile for tile in tiles if tile.broken is not None]
    tell(f"{len(tiles)} tiles of real photographs go to the lake, {len(broken)} of them broken")
    for tile in tiles:
        lake.put(tile.key, tile.broken or tile.sound)
    print(f"s3://{lake.bucket}/{photographs.PREFIX}, for example")
    for tile in tiles[3:9]:
        print(f"  {tile.key!r}")
    return tiles


def ingest() -> dict[str, Any]:
    """Ingest an API twice: the first run publishes, the second finds the date published."""
    tell("A Lambda streams an API to gzip JSON Lines on the lake, through its state machine")
    date = datetime.datetime.now(datetime.UTC).date()
    with serving(_API_FOLDER, _API_PORT):
        while True:
            began = time.monotonic()
            first = asked("ingest", "invoke", "demo", "--date", date.isoformat(), "--wait")
            took = time.monotonic() - began
            if first["outcome"] != "already_published":
                break
            date -= datetime.timedelta(days=1)  # an earlier demo published this date; a published date never changes
        figures = {name: first[name] for name in ("source", "object", "records", "pages", "bytes", "sha256")}
        for name, value in figures.items():
            print(f"  {name}: {value}")
        tell("The same date once more: it is published already, and stays as it is")
        shown("ingest", "invoke", "demo", "--date", date.isoformat(), "--wait", fails=True)
        again = asked("ingest", "invoke", "demo", "--date", date.isoformat(), "--wait")
    return {"ingest": {**figures, "seconds": round(took, 2)}, "ingest_again": {"outcome": again["outcome"]}}


def inventory() -> dict[str, Any]:
    """Deliver the inventory and query it, on this machine and on Athena."""
    tell("S3 Inventory lists the objects of the lake, and SQL answers questions about them")
    shown("local", "deliver-inventory")
    shown("inventory", "sql", _BY_FOLDER.strip())
    shown("inventory", "sql", _BY_FOLDER.strip(), "--engine", "athena")
    shown("inventory", "sql", _LARGEST)
    deliveries = asked("inventory", "deliveries")
    newest = deliveries[0] if isinstance(deliveries, list) else deliveries
    counted = asked("inventory", "sql", "SELECT count(*) AS objects FROM inventory")
    return {
        "inventory": {"delivery": newest["manifest"], "objects": counted["objects"]},
        "query": {"engine": "duckdb", "rows": len(asked("inventory", "sql", _LARGEST))},
    }


def job(lake: Lake, tiles: list[photographs.Tile]) -> dict[str, Any]:
    """Run a job that makes thumbnails, repair the broken photographs, and retry the failed tasks."""
    tell("One function over every object: the price first, then the job, then its report")
    shown("jobs", "estimate", *_PHOTOGRAPHS)
    submitted = asked("jobs", "submit", *_PHOTOGRAPHS, "--argument", "size=64", "--yes")
    shown("jobs", "watch", submitted["id"], fails=True)
    shown("jobs", "report", submitted["id"], "--failed", fails=True)
    tell("The broken photographs are mended, and only the failed tasks run again")
    for tile in tiles:
        if tile.broken is not None:
            lake.put(tile.key, tile.sound)
    retried = asked("jobs", "retry", submitted["id"], "--all", "--yes")
    shown("jobs", "watch", retried["id"])
    shown("jobs", "report", retried["id"])
    first, second = asked("jobs", "show", submitted["id"]), asked("jobs", "show", retried["id"])
    return {
        "job": {name: first[name] for name in ("id", "status", "total", "succeeded", "failed", "report")},
        "retry": {name: second[name] for name in ("id", "total", "succeeded", "failed")},
    }


def summary(found: dict[str, Any], lake: Lake, *, stay: bool) -> None:
    """Print the results, the location of every object, and commands to try next."""
    ingested, jobbed, retried = found["ingest"], found["job"], found["retry"]
    tell(f"Done in {found['seconds']:.0f} s")
    print(
        f"{ingested['records']} records in {ingested['pages']} pages became one object, once.\n"
        f"The inventory names {found['inventory']['objects']} objects. The job ran over {jobbed['total']} photographs: "
        f"{jobbed['succeeded']} succeeded, {jobbed['failed']} failed.\n"
        f"After mending, the retry ran over {retried['total']}: {retried['succeeded']} succeeded.\n\n"
        f"  ingest      {ingested['object']}\n"
        f"  delivery    {found['inventory']['delivery']}\n"
        f"  report      {jobbed['report']}\n"
        f"  thumbnails  s3://{lake.bucket}/thumbnails/\n"
        f"  figures     {_FIGURES}\n\n"
        f"{'It is running; try' if stay else 'Start it again with `.venv/bin/brigade local up`, and try'}:\n"
        '  eval "$(.venv/bin/brigade local env)"\n'
        "  .venv/bin/brigade inventory rows --columns key,size | head\n"
        "  .venv/bin/brigade jobs submit verify --inventory latest --watch\n"
        f"  .venv/bin/brigade jobs report {jobbed['id']}\n"
        f"  aws s3 ls --recursive s3://{lake.bucket}/thumbnails/"
    )
    if stay:
        print("\nStop it with `.venv/bin/brigade local down`; forget it with `.venv/bin/brigade local reset`.")


def main() -> None:
    """Run every step. `--stay` leaves the local AWS running."""
    arguments = argparse.ArgumentParser(description="The whole product on an AWS of this machine.")
    arguments.add_argument("--stay", action="store_true", help="leave the local AWS running to play with")
    stay: bool = arguments.parse_args().stay
    began = time.monotonic()
    try:
        lake = account()
        tiles = load(lake)
        found = {**ingest(), **inventory(), **job(lake, tiles)}
        found["seconds"] = round(time.monotonic() - began, 1)
        _FIGURES.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
        summary(found, lake, stay=stay)
    except KeyboardInterrupt:
        sys.exit("\ndemo: interrupted; run it again when you like")
    finally:
        if not stay:
            shown("local", "down")


if __name__ == "__main__":
    main()
