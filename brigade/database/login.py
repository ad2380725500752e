"""A login to PostgreSQL whose failure has the server's SQLSTATE, whatever language the server speaks."""

import os
import re
import select
import sys
import time
from typing import Any

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn

# libpq keeps the SQLSTATE of a refused login to itself, but writes it where it traces the protocol.
_ERROR = re.compile(rb'^B\t\S+\tErrorResponse\t S "[^"]*"(?: V "[^"]*")? C "([0-9A-Z]{5})"', re.MULTILINE)
_EVENTS: dict[int, int] = {pq.PollingStatus.READING: select.POLLIN, pq.PollingStatus.WRITING: select.POLLOUT}
_FLAGS = pq.Trace.SUPPRESS_TIMESTAMPS | pq.Trace.REGRESS_MODE


class TlsRefused(psycopg.OperationalError):
    """No TLS came about: a certificate, its authority or its name is wrong, or one of the two sides has no TLS."""


def log_in(conninfo: str, timeout_s: float) -> "psycopg.Connection[Any]":
    """Return a connection that commits each statement, made by one login.

    Args:
        conninfo: What libpq takes: a URI, or names and values.
        timeout_s: Seconds that the login may take.

    Raises:
        psycopg.Error: No connection came about: of the class that belongs to the SQLSTATE, where the server sent one;
            TlsRefused; or OperationalError, where the server did not answer. Only Linux tells these apart: elsewhere
            it is OperationalError.
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
