"""Pickles that Python 2.7 wrote: the bytes are those of its pickle.dumps(…, 2)."""

import datetime
from typing import Any

import pytest

from brigade.errors import InvalidData
from brigade.state.store import unpickle

# {'at': datetime.datetime(2026, 11, 22, 1, 2, 3, 4)} and {'name': 'Zürich' in UTF-8}, as str of Python 2.
STATE = b"\x07\xea\x0b\x16\x01\x02\x03\x00\x00\x04"
AT = b"\x80\x02}q\x00U\x02atq\x01cdatetime\ndatetime\nq\x02U\n" + STATE + b"q\x03\x85q\x04Rq\x05s."
NAME = b"\x80\x02}q\x00U\x04nameq\x01U\x07Z\xc3\xbcrichq\x02s."


@pytest.mark.parametrize(
    ("body", "encoding", "value"),
    [
        (AT, "latin1", {"at": datetime.datetime(2026, 11, 22, 1, 2, 3, 4)}),
        (NAME, "utf-8", {"name": "Zürich"}),
        (NAME, "bytes", {b"name": b"Z\xc3\xbcrich"}),
    ],
)
def test_a_pickle_of_python_2_is_read_in_its_encoding(body: bytes, encoding: str, value: Any) -> None:
    assert unpickle(body, dict, "it", encoding) == value
    with pytest.raises(InvalidData, match="it has text that is not ASCII: Python 2 wrote it; set encoding to latin1"):
        unpickle(body, dict, "it")
