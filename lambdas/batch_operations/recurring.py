"""The jobs that recur, by name. Add or remove one and deploy; nothing else is edited."""

from collections.abc import Mapping

from brigade.operations import Recurring

RECURRING: Mapping[str, Recurring] = {
    "verify_incoming": Recurring(
        operation="verify",
        where="key LIKE 'incoming/%'",
        most_objects=1_000_000,
        most_dollars=20.0,
    ),
}
