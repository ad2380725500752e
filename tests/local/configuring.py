"""The function that configures inventories, asked as CloudFormation asks it."""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from tests.local.inventories import ACCOUNT, Inventory


def wanted(made: Inventory) -> dict[str, Any]:
    """Return the properties of an inventory configuration of the source, delivered to its destination."""
    return {
        "Bucket": made.source,
        "Id": "lake",
        "Versions": "Current",
        "Frequency": "Daily",
        "Fields": ["Size", "LastModifiedDate"],
        "Format": "CSV",
        "Prefix": "inventory",
        "Destination": f"arn:aws:s3:::{made.destination}",
        "Account": ACCOUNT,
    }


@contextmanager
def cloudformation(
    kind: str, properties: dict[str, Any], physical: str | None = None
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield an event as CloudFormation sends it, and the list that collects the function's responses."""
    answers: list[dict[str, Any]] = []

    class Listener(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            answers.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        event = {
            "RequestType": kind,
            "ResponseURL": f"http://127.0.0.1:{server.server_port}/",
            "StackId": "stack",
            "RequestId": uuid.uuid4().hex,
            "LogicalResourceId": "Inventory",
            "ResourceProperties": properties,
            **({"PhysicalResourceId": physical} if physical else {}),
        }
        yield event, answers
        server.shutdown()
        thread.join()
