"""Subsegments for X-Ray, in its daemon's format: one datagram each, and nothing to load.

https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
"""

import json
import os
import secrets
import socket
from contextlib import suppress
from typing import Any

_HEADER = b'{"format": "json", "version": 1}\n'


def send(name: str, began: float, ended: float, **annotations: Any) -> None:
    """Send a stage of this invocation to X-Ray, between two Unix times, with annotations to search for.

    Nothing is done where Lambda does not trace, where this invocation is not sampled, or under
    ``POWERTOOLS_TRACE_DISABLED``. A lost segment is not sent again: a trace fails no run.
    """
    address = os.environ.get("AWS_XRAY_DAEMON_ADDRESS")
    header = dict(part.split("=", 1) for part in os.environ.get("_X_AMZN_TRACE_ID", "").split(";") if "=" in part)
    disabled = os.environ.get("POWERTOOLS_TRACE_DISABLED", "").lower() in ("1", "true", "yes")
    if disabled or not address or header.get("Sampled") != "1":
        return
    document = {
        "type": "subsegment",
        "name": name,
        "id": secrets.token_hex(8),
        "trace_id": header["Root"],
        "parent_id": header["Parent"],
        "start_time": began,
        "end_time": ended,
        "annotations": annotations,
    }
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.sendto(_HEADER + json.dumps(document).encode(), (host, int(port)))
