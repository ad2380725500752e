"""What a job will cost, by line, from a dated list of prices."""

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from brigade.errors import UsageError
from brigade.operations.operation import REQUESTS, PriceClass

if TYPE_CHECKING:  # Arrow stands behind it
    from brigade.jobs.sample import Sample

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
    """For each GB of which S3 itself computes a checksum."""


class Priced(Protocol):
    """What the price asks of an operation's declaration."""

    @property
    def memory_mib(self) -> int:
        """Its function's memory; 0 where no function runs."""

    @property
    def price(self) -> PriceClass:
        """What it does to S3 for one object."""


class Line(NamedTuple):
    """One line of an estimate."""

    item: str
    quantity: str
    dollars: float


def prices(path: str | None = None) -> Prices:
    """Give the prices of ``price.json`` beside this module, or of a file in its form: another region, another date.

    Fails with UsageError, naming file and field, when the file is not there or lacks a price.
    """
    try:
        shipped = importlib.resources.files("brigade.jobs").joinpath("price.json")
        return msgspec.json.decode(Path(path).read_bytes() if path else shipped.read_bytes(), type=Prices)
    except OSError as error:
        raise UsageError(f"--prices {path}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"--prices {path}: {error}") from None


def fee(tasks: int, price: Prices) -> float:
    """Give what S3 Batch Operations itself takes for a job that has done so many tasks, without what they did."""
    return price.job + tasks / 1e6 * price.million_objects


def estimate(
    objects: int,
    size: int | None,
    operation: Priced,
    *,
    seconds: float | None = None,
    walked: int | None = None,
    price: Prices,
) -> list[Line]:
    """Give the price by line; requests and passes as the operation's price class has them.

    ``walked`` is how many objects the bucket has where S3 lists them itself, ``objects`` at least; None where it does
    not. ``size`` is the objects' bytes, None if unknown; ``seconds`` the function's time an object, else assumed as
    ``assumed_seconds`` says. Not in it: KMS, storage, data that leaves the region, and Lambda's free tier.
    """
    requests = REQUESTS[operation.price]
    each = assumed_seconds(objects, size, requests.passes) if seconds is None else seconds
    reads, writes = objects * requests.reads, objects * requests.writes
    gib_seconds = objects * each * operation.memory_mib / 1024
    made = max(walked or 0, objects)
    lines = [
        Line("the job", "1", price.job),
        Line("objects", f"{objects:,}", objects / 1e6 * price.million_objects),
    ]
    if operation.memory_mib:
        lines.append(Line("Lambda invocations", f"{objects:,}", objects / 1e6 * price.million_invocations))
        lines.append(Line("Lambda time", f"{gib_seconds:,.1f} GiB-s", gib_seconds * price.gib_second))
    if reads:
        lines.append(Line("S3 reads", f"{reads:,}", reads / 1e3 * price.thousand_reads))
    if operation.price == "checksum":
        lines.append(Line("checksums by S3", f"{size or 0:,} bytes", (size or 0) / 1e9 * price.checksummed_gb))
    if walked is not None:
        lines.insert(1, Line("the list, by S3", f"{made:,}", made / 1e6 * price.million_listed))
    if writes:
        lines.append(Line("S3 writes", f"{writes:,}", writes / 1e3 * price.thousand_writes))
    return lines


def assumed_seconds(objects: int, size: int | None, passes: int = 1) -> float:
    """Give the time assumed for an object: 0.25 s, and a second for each 40 MiB that passes the function. Not measured.

    ``passes`` is how often an object's content does; sizes that are not known count as nothing.
    """
    return _SECONDS_AN_OBJECT + passes * (size or 0) / max(objects, 1) / _BYTES_A_SECOND


def measured(operation: Priced, sample: "Sample", price: Prices) -> str:
    """Say what the estimate stands on when a sample was run, in one sentence."""
    failed = f", {sample.failed} of which failed" if sample.failed else ""
    return (
        f"Prices of {price.dated}, {price.region}, {price.architecture}; Lambda time measured on "
        f"{sample.objects} objects{failed}: {sample.seconds:.3f} s an object at {operation.memory_mib} MiB."
    )


def assumption(operation: Priced, objects: int, size: int | None, price: Prices) -> str:
    """Say what the estimate takes for granted, in one sentence."""
    sizes = "" if size is not None else ", sizes unknown"
    if not operation.memory_mib:
        return f"Prices of {price.dated}, {price.region}; S3 does it itself{sizes}."
    each = assumed_seconds(objects, size, REQUESTS[operation.price].passes)
    return (
        f"Prices of {price.dated}, {price.region}, {price.architecture}; Lambda time assumed, not measured: "
        f"{each:.2f} s an object at {operation.memory_mib} MiB{sizes}."
    )
