"""``brigade jobs`` asked for what it does not do: one line, the right exit, and nothing is made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.deployment import Deployment
from tests.local.jobs import put_manifest


@pytest.fixture
def nothing_new(deployed: Deployment) -> Iterator[None]:
    """Check that the test leaves no job, no manifest and no open upload behind."""

    def traces() -> tuple[int, ...]:
        s3, reports = deployed.emulator.root("s3"), deployed.outputs["ReportsBucket"]
        listed = s3.list_objects_v2(Bucket=reports, Prefix="manifests/").get("Contents", [])
        # What is kept of a job that an earlier test made may come only now.
        manifests = sum(not item["Key"].startswith("manifests/job-") for item in listed)
        uploads = len(s3.list_multipart_uploads(Bucket=reports).get("Uploads", []))
        jobs = len(deployed.emulator.root("s3control").list_jobs(AccountId="000000000000", MaxResults=1000)["Jobs"])
        return manifests, uploads, jobs

    before = traces()
    yield
    assert traces() == before


@pytest.mark.usefixtures("nothing_new")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Bucket,Key\n{lake},a\n", "line 1: a header"),
        ("\ufeff{lake},a\n", "line 1: the file starts with a byte order mark"),
        ("{lake},a\n\n{lake},b\n", "line 2: the line is blank"),
        ("{lake},a\nanother,b\n", "object 2 is in bucket 'another'"),
        ("", "nothing is selected"),
    ],
)
def test_a_bad_manifest_is_refused_before_anything_is_made(deployed: Deployment, content: str, said: str) -> None:
    address = put_manifest(deployed, content.format(lake=deployed.outputs["LakeBucket"]).encode())
    done = deployed.run("jobs", "submit", "verify", "--manifest", address, "--yes")
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("nothing_new")
@pytest.mark.parametrize(
    ("arguments", "exits", "said"),
    [
        (["submit", "nonesuch", "--keys", "-"], 2, "no operation 'nonesuch'; there are forget, recompress"),
        (["submit", "verify"], 2, "in one way"),
        (["submit", "verify", "--keys", "-", "--where", "1=1"], 2, "in one way"),
        (["submit", "verify", "--keys", "/no/such/file"], 2, "--keys /no/such/file: No such file"),
        (["submit", "verify", "--keys", "/dev/null", "--yes"], 2, "nothing is selected"),
        (["submit", "verify", "--keys", "-", "--argument", "size=1"], 2, "no argument 'size'; there are none"),
        (["submit", "thumbnail", "--keys", "-", "--argument", "size=5"], 2, "argument size: expected `int` >= 16"),
        (["submit", "thumbnail", "--keys", "-", "--argument", "size"], 2, "it takes NAME=VALUE"),
        (["submit", "verify", "--manifest", "s3://no-such-bucket-at-all/m.csv", "--yes"], 1, "no such bucket"),
        (["submit", "verify", "--keys", "-", "--bucket", "no-such-bucket-at-all", "--yes"], 1, "no such bucket"),
        (["estimate", "verify", "--keys", "-", "--bucket", "no-such-bucket-at-all"], 1, "no such bucket"),
        (["submit", "rekey", "--keys", "-", "--argument", "to={bad}", "--yes"], 2, "`to` has no part {bad}"),
        (["submit", "rekey", "--keys", "-", "--argument", "to={", "--yes"], 2, "single '{'"),
        (["submit", "to_parquet", "--keys", "-", "--argument", "columns=a:int", "--yes"], 2, "is no name:type"),
        (["submit", "to_parquet", "--keys", "-", "--yes"], 2, "may not read 'some/key'"),
        (["submit", "s3:tag", "--keys", "-", "--yes"], 2, "tag"),
        (["estimate", "to_parquet", "--keys", "-"], 2, "may not read 'some/key'"),
        (["estimate", "verify", "--keys", "-", "--argument", "foo=bar"], 2, "no argument 'foo'"),
        (["estimate", "s3:restore", "--keys", "-", "--argument", "foo=bar"], 2, "no argument 'foo'"),
        (["estimate", "verify", "--keys", "-", "--engine", "duckdb"], 2, "--engine duckdb is only for --inventory"),
        (["submit", "verify", "--keys", "-"], 2, "add --yes"),
        (["show", "00000000-0000-0000-0000-000000000000"], 1, "there is no job 00000000"),
        (["report", "00000000-0000-0000-0000-000000000000"], 1, "there is no report"),
        (["retry", "00000000-0000-0000-0000-000000000000"], 1, "there is no job 00000000"),
        (["cancel", "no job/id"], 2, "is not a job id"),
    ],
)
def test_wrong_usage_is_one_line(deployed: Deployment, arguments: list[str], exits: int, said: str) -> None:
    done = deployed.run("--quiet", "jobs", *arguments, given="some/key\n")
    assert (done.returncode, done.stdout) == (exits, "")
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("nothing_new")
def test_a_dry_run_and_an_estimate_make_nothing(deployed: Deployment, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("plain.txt\n🪣 x\n")
    dry = deployed.run("jobs", "submit", "verify", "--keys", str(keys), "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, "")
    assert "🪣 x" in dry.stderr
    estimated = deployed.ask("jobs", "estimate", "verify", "--keys", str(keys))
    assert (estimated["objects"], estimated["bytes"]) == (2, None)
    assert estimated["dollars"] == pytest.approx(sum(line["dollars"] for line in estimated["lines"]))
