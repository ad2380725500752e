"""Clients of the real S3 that lose or change one answer, as a network does."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError

from tests.fake_client import FakeClient


def lost(call: Callable[[], Any]) -> Any:
    """The call is done and its answer is lost."""
    call()
    raise ConnectionClosedError(endpoint_url="http://127.0.0.1")


def unsent(call: Callable[[], Any]) -> Any:
    """The connection closes before the call is done."""
    raise ConnectionClosedError(endpoint_url="http://127.0.0.1")


def own_412(call: Callable[[], Any]) -> Any:
    """The answer is lost, and the client's own retry meets what the first try wrote."""
    call()
    return refused("PreconditionFailed", 412)(call)


def refused(code: str, status: int) -> Callable[[Callable[[], Any]], Any]:
    """The call is not done, and S3 says why."""

    def fault(call: Callable[[], Any]) -> Any:
        raise ClientError(
            {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Call"
        )

    return fault


class Faulty(FakeClient):
    """A client of which the first calls of ``operation`` go through ``faults``, one each; it counts its calls."""

    def __init__(self, client: Any, operation: str = "", *faults: Callable[[Callable[[], Any]], Any]) -> None:
        self.calls: list[str] = []
        self._client, self._operation, self._faults = client, operation, list(faults)

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            if name == self._operation and self._faults:
                return self._faults.pop(0)(lambda: real(**arguments))
            return real(**arguments)

        return call


class Dying:
    """A client of a process that is killed behind the ``nth`` call of ``operation``: it calls nothing any more."""

    def __init__(self, client: Any, operation: str, nth: int) -> None:
        self._client, self._operation, self._left = client, operation, nth

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            if self._left:
                answer = real(**arguments)
                self._left -= name == self._operation
            if not self._left:
                raise KeyboardInterrupt
            return answer

        return call
