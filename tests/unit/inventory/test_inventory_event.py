"""The function for deliveries asks for a retry when EventBridge does not accept its event."""

from types import SimpleNamespace
from typing import Any

import pytest

from brigade.errors import RetryLater
from lambdas.inventory import arrived

ENTRY = {"Source": "brigade.dev", "DetailType": "Inventory Summarized", "Detail": "{}"}


@pytest.mark.parametrize(
    "answer",
    [
        {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}]},
        {"FailedEntryCount": 0, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}]},
    ],
)
def test_an_event_that_is_not_accepted_is_an_error_and_no_success(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]
) -> None:
    monkeypatch.setattr(arrived, "_client", lambda _: SimpleNamespace(put_events=lambda **_: answer))
    with pytest.raises(RetryLater, match=r"did not accept the event 'Inventory Summarized' \((Internal|Throttling)"):
        arrived._send(ENTRY)


def test_an_event_that_is_accepted_is_sent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []

    def put_events(**given: Any) -> Any:
        sent.append(given)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "11710aed-b79e-4468-a20b-bb3c0c3b4860"}]}

    monkeypatch.setattr(arrived, "_client", lambda _: SimpleNamespace(put_events=put_events))
    arrived._send(ENTRY)
    assert sent == [{"Entries": [ENTRY]}]
