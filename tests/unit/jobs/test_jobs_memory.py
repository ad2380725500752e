"""A report of any size is counted in the memory that ``counting.count`` states, in a process of its own."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from brigade.jobs.report_counts import BLOCK

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from pathlib import Path
from brigade.cli.main import main

folder, sys.argv[1:] = sys.argv[1], ["--version"]
try:
    main()  # as the command is: with all that it sets
except SystemExit as ended:
    assert not ended.code

from benchmarks.jobs_cases import Disk
from brigade.jobs.report_counts import count_report
from brigade.jobs.report import open_report
from lambdas.memory import peak_mib

disk = Disk(Path(folder))
for name in ("few", "many"):
    tally = count_report(open_report(disk, f"s3://rrr/{name}.json"), disk)
    print(tally.succeeded, len(tally.reasons), peak_mib())
"""


def make(folder: Path, name: str, rows: int) -> None:
    """A report whose every message has a hash, and whose every row has a version: what takes the most."""
    digest = hashlib.md5(usedforsecurity=False)
    with (folder / f"{name}.csv").open("wb") as file:
        for n in range(rows):
            sha256 = hashlib.sha256(b"%d" % n).hexdigest()
            line = f"lake,photographs/{n}.jpg,{sha256[:32]},succeeded,200,,sha256={sha256} bytes={n}\n".encode()
            digest.update(line)
            file.write(line)
    (folder / f"{name}.json").write_text(
        '{"Format": "Report_CSV_20180820", "Results": [{"TaskExecutionStatus": "succeeded", "Bucket": "r", '
        f'"Key": "{name}.csv", "MD5Checksum": "{digest.hexdigest()}"}}]}}'
    )


def test_a_large_report_takes_the_memory_that_is_stated(tmp_path: Path) -> None:
    make(tmp_path, "few", 100)
    make(tmp_path, "many", 400_000)  # 60 MB
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    )
    few, many = (line.split() for line in told.stdout.splitlines()[1:])
    assert (few[:2], many[:2]) == (["100", "1"], ["400000", "1"])
    assert float(many[2]) - float(few[2]) < 48 * BLOCK / (1 << 20)
