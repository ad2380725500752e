"""``brigade inventory`` as a person runs it: rows, deliveries, mistakes, a closed pipe, a terminal."""

import csv
import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from brigade.inventory import open_latest_delivery
from tests.local.inventory_lake import KEYS, Lake


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_the_command_streams_exact_keys(lake: Lake) -> None:
    out = lake.run("inventory", "rows", "--columns", "key,size", "--where", "is_latest AND NOT is_delete_marker").stdout
    header, *rows = csv.reader(io.StringIO(out.decode(), newline=""))
    assert header == ["key", "size"]
    assert {row[0] for row in rows} == set(KEYS) - {"delete/me.txt"}
    lines = lake.run("--json", "inventory", "rows", "--columns", "key").stdout.decode().splitlines()
    assert {json.loads(line)["key"] for line in lines} == set(KEYS)


@pytest.mark.parametrize("lake", ["ORC"], indirect=True)
def test_the_command_lists_deliveries(lake: Lake) -> None:
    lines = lake.run("--json", "inventory", "deliveries").stdout.splitlines()
    assert [json.loads(line)["format"] for line in lines] == [lake.form] * len(lines)
    folder = f"s3://{lake.reports}/inventory/{lake.lake}/all"
    assert lake.run("--json", "inventory", "deliveries", folder).stdout.splitlines() == lines
    table = lake.run("inventory", "deliveries").stdout.decode().splitlines()
    assert table[0].split() == ["taken", "format", "files", "bytes", "manifest"]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["ask", "by-colour"], 2, "there is no question 'by-colour'; there are by-storage-class"),
        (["ask", "by-prefix", "--argument", "depth=two"], 2, "depth=two: it takes a whole number"),
        (["ask", "largest", "--argument", "depth=2"], 2, "largest takes count, not depth"),
        (["rows", "--format", "keys0", "--columns", "key,size"], 2, "keys0 writes only keys"),
        (["rows", "s3://b/k/manifest.json", "--bucket", "b"], 2, "the address already names the bucket"),
        (["sql", "DELETE FROM inventory"], 1, "the query is not just a SELECT"),
        (["sql", "SELECT * FROM read_csv('/etc/passwd')"], 2, "the only table is inventory"),
        (["rows", "--columns", "colour"], 1, "the delivery has no column colour"),
        (["rows", "s3://no-such-bucket-here/x/manifest.json"], 1, "no such bucket"),
        (["rows", "nowhere/manifest.json"], 1, "nowhere/manifest.json is not there"),
        (["deliveries", "s3://bucket"], 2, "is not the folder of an inventory configuration"),
    ],
)
@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_mistakes_are_one_line(lake: Lake, arguments: list[str], status: int, said: str) -> None:
    failed = lake.run("inventory", *arguments, check=False)
    assert failed.returncode == status
    assert said in failed.stderr.decode()
    assert len(failed.stderr.decode().splitlines()) == 1
    assert failed.stdout == b""


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_a_closed_stdout_is_no_error(lake: Lake) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command: list[str | Path] = [
        Path(sys.executable).with_name("brigade"),
        "inventory",
        "rows",
        open_latest_delivery(lake.client("s3"), *lake.place).uri,
    ]
    ended = subprocess.run(
        command, env=lake.environment, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_a_terminal_shows_rows_and_files_and_a_pipe_shows_nothing(lake: Lake) -> None:
    uri = open_latest_delivery(lake.client("s3"), *lake.place).uri
    command: list[str | Path] = [Path(sys.executable).with_name("brigade"), "inventory", "rows", uri]
    ours, theirs = pty.openpty()
    terminal = {**lake.environment, "TERM": "xterm-256color", "COLUMNS": "100"}
    shown = subprocess.run(command, env=terminal, stdout=subprocess.PIPE, stderr=theirs, check=True, timeout=60)
    os.close(theirs)
    said = os.read(ours, 1 << 16).decode()
    os.close(ours)
    count = shown.stdout.count(b"\n") - 1 - shown.stdout.count(b"new\nline")
    assert f"{count} rows, 1 of 1 files" in said
    quiet = lake.run("inventory", "rows", uri)
    assert (quiet.stdout, quiet.stderr) == (shown.stdout, b"")
