"""Estimated price of a job, line by line, from a dated price list."""

import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from brigade.errors import UsageError
from brigade.operations.operation import REQUESTS, PriceClass

_SECONDS_AN_OBJECT = 0.25
_BYTES_A_SECOND = 40 * 1024 * 1024


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices in US dollars, of one region and day."""

    dated: str
    region: str
    architecture: str
    job: float
    million_objects: float
    million_listed: float
    """For a list that S3 makes: each million objects of the bucket, whether they match or not."""
    million_invocations: float
    gib_second: float
    thousand_reads: float
    thousand_writes: float
    checksummed_gb: float
    """For each GB that S3 computes a checksum of."""


class Priced(Protocol):
    """The fields of an operation's declaration that determine the price."""

    @property
    def memory_mib(self) -> int:
        """The memory of its function in MiB; 0 if no function runs."""

    @property
    def price(self) -> PriceClass:
        """The class of its requests to S3 for one object."""


class PriceLine(NamedTuple):
    """One line of an estimate."""

    item: str
    quantity: str
    dollars: float


def load_prices(path: str | None = None) -> Prices:
    """Return the prices of `price.json` beside this module, or of a file of the same form.

    Raises:
        UsageError: The file is missing or lacks a price. The message names the file and the field.
    """
    try:
        shipped = importlib.resources.files("brigade.jobs").joinpath("price.json")
        return msgspec.json.decode(Path(path).read_bytes() if path else shipped.read_bytes(), type=Prices)
    except OSError as error:
        raise UsageError(f"--prices {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"--prices {path}: {error}") from None


def job_fee(tasks: int, price: Prices) -> float:
    """Return the fee of S3 Batch Operations for a job after `tasks` tasks, without the price of their requests."""
    return price.job + tasks / 1e6 * price.million_objects


def estimate_lines(
    objects: int,
    size: int | None,
    operation: Priced,
    *,
    seconds: float | None = None,
    walked: int | None = None,
    price: Prices,
) -> list[PriceLine]:
    """Return the price by line. Requests and passes are those of the operation's price class.

    Not included: KMS, storage, data that leaves the region, and Lambda's free tier.

    Args:
        size: Bytes of all objects; None if unknown.
        seconds: Time of the function per object; None: `assumed_seconds`.
        walked: Number of objects in the bucket if S3 lists them itself, at least `objects`; None if it does not.
    """
    requests = REQUESTS[operation.price]
    each = assumed_seconds(objects, size, requests.passes) if seconds is None else seconds
    reads, writes = objects * requests.reads, objects * requests.writes
    gib_seconds = objects * each * operation.memory_mib / 1024
    made = max(walked or 0, objects)
    lines = [
        PriceLine("the job", "1", price.job),
        PriceLine("objects", f"{objects:,}", objects / 1e6 * price.million_objects),
    ]
    if operation.memory_mib:
        lines.append(PriceLine("Lambda invocations", f"{objects:,}", objects / 1e6 * price.million_invocations))
        lines.append(PriceLine("Lambda time", f"{gib_seconds:,.1f} GiB-s", gib_seconds * price.gib_second))
    if reads:
        lines.append(PriceLine("S3 reads", f"{reads:,}", reads / 1e3 * price.thousand_reads))
    if operation.price == "checksum":
        lines.append(PriceLine("checksums by S3", f"{size or 0:,} bytes", (size or 0) / 1e9 * price.checksummed_gb))
    if walked is not None:
        lines.insert(1, PriceLine("the list, by S3", f"{made:,}", made / 1e6 * price.million_listed))
    if writes:
        lines.append(PriceLine("S3 writes", f"{writes:,}", writes / 1e3 * price.thousand_writes))
    return lines


@dataclass(frozen=True)
class Quote:
    """The price of one job: before it is made, and at any time while it runs, by the same computation.

    Args:
        objects: How many objects the selection has.
        size: Their total size in bytes; None if unknown, which counts as 0.
        seconds: Lambda's time for one object, in seconds, as a sample measured it; None: assumed.
        walked: The number of objects in the bucket if S3 lists them itself; None if it does not.
    """

    operation: Priced
    objects: int
    size: int | None
    price: Prices
    seconds: float | None = None
    walked: int | None = None

    def lines(self, done: int | None = None) -> list[PriceLine]:
        """Return the price by line, of the whole job or after `done` of its tasks, of average size."""
        if done is None:
            done = self.objects
        size = None if self.size is None else self.size * done // max(self.objects, 1)
        walked = None if self.walked is None else max(self.walked, self.objects)
        return estimate_lines(done, size, self.operation, seconds=self.seconds, walked=walked, price=self.price)

    def dollars(self, done: int | None = None) -> float:
        """Return the price in US dollars, of the whole job or after `done` of its tasks."""
        return sum(line.dollars for line in self.lines(done))

    @property
    def is_blind(self) -> bool:
        """Return whether the price depends on sizes that are not known."""
        if self.size is not None:
            return False
        by_time = bool(REQUESTS[self.operation.price].passes) and self.seconds is None
        return by_time or self.operation.price == "checksum"

    @property
    def basis(self) -> str:
        """Return one sentence that names the prices, times and sizes behind the quote."""
        dated = f"Prices of {self.price.dated}, {self.price.region}"
        sizes = "" if self.size is not None else ", sizes unknown"
        if not self.operation.memory_mib:
            return f"{dated}; S3 does it itself{sizes}."
        time = f"{self.seconds:.3f}" if self.seconds is not None else f"{self._assumed:.2f}"
        how = "as measured" if self.seconds is not None else "assumed, not measured"
        where = f"at {self.operation.memory_mib} MiB{sizes}"
        return f"{dated}, {self.price.architecture}; Lambda time {how}: {time} s an object {where}."

    @property
    def _assumed(self) -> float:
        return assumed_seconds(self.objects, self.size, REQUESTS[self.operation.price].passes)


def assumed_seconds(objects: int, size: int | None, passes: int = 1) -> float:
    """Return the assumed seconds per object: 0.25 s, and one second per 40 MiB that the function reads. Not measured.

    Args:
        size: Bytes of all objects; None counts as 0.
        passes: How often the function reads an object's content.
    """
    return _SECONDS_AN_OBJECT + passes * (size or 0) / max(objects, 1) / _BYTES_A_SECOND
