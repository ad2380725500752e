"""Log in to PostgreSQL. A failure has the SQLSTATE, which does not depend on the server's language."""

import os
import re
import select
import sys
import time
from typing import Any

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn

# libpq has no function for the SQLSTATE of a refused login, but writes it to the trace of the protocol.
_ERROR = re.compile(rb'^B\t\S+\tErrorResponse\t S "[^"]*"(?: V "[^"]*")? C "([0-9A-Z]{5})"', re.MULTILINE)
_EVENTS: dict[int, int] = {pq.PollingStatus.READING: select.POLLIN, pq.PollingStatus.WRITING: select.POLLOUT}
_FLAGS = pq.Trace.SUPPRESS_TIMESTAMPS | pq.Trace.REGRESS_MODE


class TlsRefused(psycopg.OperationalError):
    """TLS failed: a certificate, its authority or its name is wrong, or one side has no TLS."""


def log_in(conninfo: str, timeout_s: float) -> "psycopg.Connection[Any]":
    """Log in once and return a connection that commits each statement.

    Args:
        conninfo: A connection string of libpq: a URI, or names and values.
        timeout_s: Timeout of the login in seconds.

    Raises:
        psycopg.Error: The login failed. If the server sent a SQLSTATE, the class is that of the SQLSTATE. Otherwise it
            is TlsRefused, or OperationalError if the server did not answer. On other systems than Linux it is always
            OperationalError.
    """
    if sys.platform != "linux":
        return psycopg.connect(conninfo, autocommit=True, connect_timeout=max(2, round(timeout_s)))
    trace = os.memfd_create("login")
    try:
        connection = _polled(conninfo, timeout_s, trace)
    finally:
        os.close(trace)
    connection.nonblocking = 1
    opened = psycopg.Connection[Any](connection)
    opened.autocommit = True
    return opened


def _polled(conninfo: str, timeout_s: float, trace: int) -> PGconn:
    connection, deadline = pq.PGconn.connect_start(conninfo.encode()), time.monotonic() + timeout_s
    writes = os.dup(trace)
    connection.trace(writes)
    connection.set_trace_flags(_FLAGS)
    waits: int = pq.PollingStatus.FAILED if connection.status == pq.ConnStatus.BAD else pq.PollingStatus.WRITING
    try:
        while waits in _EVENTS and _ready(connection.socket, _EVENTS[waits], deadline):
            waits = connection.connect_poll()
    finally:
        connection.untrace()
        os.close(writes)
        message = f"connection failed: {connection.get_error_message()}"
        if waits != pq.PollingStatus.OK:
            connection.finish()
    if waits in _EVENTS:
        raise psycopg.OperationalError(f"connection timeout expired after {timeout_s:.0f} s")
    if waits != pq.PollingStatus.OK:
        raise _failure(os.pread(trace, os.fstat(trace).st_size, 0), message)
    return connection


def _ready(descriptor: int, event: int, deadline: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))


def _failure(trace: bytes, message: str) -> psycopg.Error:
    if states := _ERROR.findall(trace):
        state = states[-1].decode()
        try:
            return psycopg.errors.lookup(state)(message)
        except KeyError:
            return psycopg.OperationalError(message)
    if b"SSLResponse" in trace and b"StartupMessage" not in trace:
        return TlsRefused(message)
    return psycopg.OperationalError(message)
