"""Segments that X-Ray's daemon receives over a real socket, and none if tracing is off."""

import json
import socket
from collections.abc import Iterator

import pytest

from lambdas import trace

HEADER = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:0"


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(5)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{listening.getsockname()[1]}")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", HEADER)
        monkeypatch.delenv("POWERTOOLS_TRACE_DISABLED", raising=False)
        yield listening


def test_a_stage_is_a_subsegment_of_the_invocation(daemon: socket.socket) -> None:
    trace.send("fetch", 1000.5, 1002.0, source="demo", seconds=1.5)
    header, _, document = daemon.recv(65536).partition(b"\n")
    assert json.loads(header) == {"format": "json", "version": 1}
    sent = json.loads(document)
    assert len(bytes.fromhex(sent.pop("id"))) == 8
    assert sent == {
        "type": "subsegment",
        "name": "fetch",
        "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "parent_id": "53995c3f42cd8ad8",
        "start_time": 1000.5,
        "end_time": 1002.0,
        "annotations": {"source": "demo", "seconds": 1.5},
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POWERTOOLS_TRACE_DISABLED", "true"),
        ("AWS_XRAY_DAEMON_ADDRESS", ""),
        ("_X_AMZN_TRACE_ID", ""),
        ("_X_AMZN_TRACE_ID", HEADER.replace("Sampled=1", "Sampled=0")),
    ],
)
def test_nothing_is_sent_where_nothing_is_traced(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    trace.send("fetch", 1.0, 2.0)
    daemon.setblocking(False)
    with pytest.raises(BlockingIOError):
        daemon.recv(1)


def test_a_daemon_that_is_gone_fails_nothing(daemon: socket.socket) -> None:
    daemon.close()
    trace.send("fetch", 1.0, 2.0)
