"""The base of classes that stand for a client of boto3 in tests."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    FakeClient = Any
else:
    FakeClient = object
