"""The server: the patched ASGI application of ministack, behind the services that this repository adds.

    /v20180820/jobs…                       S3 Batch Operations (local.jobs)
    /TraceSegments /TraceSummaries /Traces X-Ray, signed for it (local.xray)
    POST /_brigade/deliver-inventory       S3 Inventory, now (local.inventory)
    POST /_brigade/save                    write the state to disk, now
    anything else                          ministack

Importing this imports ministack, which reads its settings from the environment: see ``Home.environment``.
"""

import asyncio
import json
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import hypercorn.asyncio
from hypercorn.config import Config
from ministack import app as ministack

from local import patches, xray
from local.home import Home
from local.jobs import api as jobs
from local.patches import databases

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SAVE_SECONDS = 20
_log = logging.getLogger("local")


async def serve(home: Home, port: int) -> None:
    """Serve until SIGTERM or SIGINT, then stop the job scheduler, write the state, and return."""
    lock = home.hold(port)
    patches.apply()
    logging.getLogger("persistence").setLevel(logging.WARNING)
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2
    config.loglevel = "WARNING"
    application = _Application()
    saver = asyncio.create_task(application.save_now_and_then())
    await jobs.start(home.path, f"http://127.0.0.1:{port}")
    # Functions inherit it, and X-Ray's SDK in them sends there.
    daemon, os.environ["AWS_XRAY_DAEMON_ADDRESS"] = await xray.Daemon.start()

    async def until_ended() -> None:
        await ended.wait()
        saver.cancel()
        daemon.close()
        await jobs.stop()

    await hypercorn.asyncio.serve(application, config, shutdown_trigger=until_ended)
    databases.close()  # with the lock held: the process that ends the server waits for the lock, then kills the rest
    lock.close()


class _Application:
    def __init__(self) -> None:
        self._asked = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await ministack.app(scope, receive, send)
            return
        self._asked = True
        path = scope["path"]
        if path.startswith("/v20180820/jobs"):
            await jobs.app(scope, receive, send)
        elif xray.serves(scope):
            await xray.app(scope, receive, send)
        elif path == "/_brigade/deliver-inventory":
            bucket = parse_qs(scope["query_string"].decode()).get("bucket")
            await _deliver_inventory(send, bucket[0] if bucket else None)
        elif path == "/_brigade/save":
            _save()
            await _answer(send, {})
        else:
            # Policies that refuse plain HTTP hold on AWS; on loopback there is no line to listen on.
            headers = [*scope["headers"], (b"x-forwarded-proto", b"https")]
            await ministack.app({**scope, "headers": headers}, receive, send)

    async def save_now_and_then(self) -> None:
        """Write the state at intervals after requests, so that a killed server loses little."""
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            if self._asked:
                self._asked = False
                _save()


async def _deliver_inventory(send: Send, bucket: str | None) -> None:
    from local.inventory.deliver import NotDelivered, deliver

    try:
        await _answer(send, deliver(bucket))
    except NotDelivered as error:
        await _answer(send, str(error), status=409)


async def _answer(send: Send, document: Any, status: int = 200) -> None:
    body = (json.dumps(document) if status == 200 else str(document)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _save() -> None:
    started = time.monotonic()
    ministack.save_all(ministack._build_persistence_save_dict())
    _log.info("state saved in %.3f s", time.monotonic() - started)
