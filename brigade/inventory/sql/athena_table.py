"""The declaration of a Glue table over deliveries, and a check that Athena reads a delivery by it as S3 wrote it.

Without the check Athena could read wrong rows and report no error: a partition outside of a projection has no rows, and
Athena matches the columns of CSV and ORC by position.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from brigade.catalog import typed
from brigade.errors import BrigadeError, NotFound, RetryLater, UsageError
from brigade.inventory.delivery.deliveries import Delivery
from brigade.inventory.delivery.manifest import Format
from brigade.retry import RETRYABLE_CODES
from brigade.s3 import read

if TYPE_CHECKING:
    from types_boto3_glue import GlueClient

_SERDES: Mapping[str, Format] = {
    "org.apache.hadoop.hive.serde2.OpenCSVSerde": "CSV",
    "org.apache.hadoop.hive.ql.io.orc.OrcSerde": "ORC",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "Parquet",
}
_STEPS = {"DAYS": timedelta(days=1), "HOURS": timedelta(hours=1), "MINUTES": timedelta(minutes=1)}
_JAVA, _PYTHON = "yyyy-MM-dd-HH-mm", "%Y-%m-%d-%H-%M"
_STAMP = re.compile(r"\d{4}-\d\d-\d\d-\d\d-\d\d")


@dataclass(frozen=True)
class GlueTable:
    """A Glue table as ``GetTable`` describes it."""

    described: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the table in its database."""
        return str(self.described["Name"])

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order of the table, without the partition ``dt``."""
        return [str(column["Name"]) for column in self.described["StorageDescriptor"]["Columns"]]

    @property
    def format(self) -> Format | None:
        """The format that the table reads; None for one that S3 Inventory does not write."""
        return _SERDES.get(self.described["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"])

    def expressions(self) -> Iterator[str]:
        """Yield the expression of each column with the type that it has on this machine, keys decoded."""
        for column in self.described["StorageDescriptor"]["Columns"]:
            yield typed(column["Name"], column["Type"], encoded=self.format == "CSV")

    def require_readable(self, delivery: Delivery) -> None:
        """Require that Athena reads exactly the data files of the delivery by this table, in their format.

        Reads the delivery's manifest and the `symlink.txt` that Athena follows.

        Raises:
            UsageError: The table belongs to another bucket or configuration, its projection excludes the delivery, or
                the delivery has another format or other columns. The message says which.
        """
        problem = next(self._problems(delivery), None)
        if problem:
            raise UsageError(
                f"Athena cannot read {delivery.uri} by the table {self.name}: {problem}; "
                "read it on this machine (without --engine athena)"
            )

    def _problems(self, delivery: Delivery) -> Iterator[str]:
        if delivery.bucket is None:
            yield "it is a copy on this machine"
            return
        configuration = delivery.uri.rpartition("/")[0].rpartition("/")[0]
        symlink = f"{configuration}/hive/dt={delivery.partition}/symlink.txt"
        if self._folder(delivery.partition) != symlink.rpartition("/")[0] + "/":
            yield f"the table reads the deliveries in {self._folder('…').partition('hive/')[0]}"
            return
        yield from self._left_out(delivery.taken)
        yield from self._other_columns(delivery)
        yield from _other_files(delivery, symlink)

    def _folder(self, partition: str) -> str:
        parameters, storage = self.described.get("Parameters", {}), self.described["StorageDescriptor"]
        template = parameters.get("storage.location.template") or f"{storage['Location'].rstrip('/')}/dt=${{dt}}/"
        return f"{str(template).rstrip('/')}/".replace("${dt}", partition)

    def _left_out(self, taken: datetime) -> Iterator[str]:
        """Yield the reason why the projection has no such partition. Athena reads a partition outside of it as empty.

        Source: https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html (date type)
        """
        given = {name: str(value) for name, value in self.described.get("Parameters", {}).items()}
        start, _, end = given.get("projection.dt.range", "").partition(",")
        step = _STEPS.get(given.get("projection.dt.interval.unit", ""))
        of_dates = (given.get("projection.dt.type"), given.get("projection.dt.format")) == ("date", _JAVA)
        ends_now = end.strip() == "NOW" and given.get("projection.dt.interval", "1") == "1"
        projected = given.get("projection.enabled", "").lower() == "true"
        if not (projected and of_dates and ends_now and step and _STAMP.fullmatch(start.strip())):
            yield "the table's partition projection of dt is not the one that this stage deploys"
            return
        first = datetime.strptime(start.strip(), _PYTHON).replace(tzinfo=UTC)
        of = f"it is of {taken:%Y-%m-%d %H:%M}Z, and the table"
        if taken < first:
            yield f"{of} begins at {start.strip()} (inventory.since in cdk.json)"
        elif (taken - first) % step:
            yield f"{of} has whole {given['projection.dt.interval.unit'].lower()} from {start.strip()} on"

    def _other_columns(self, delivery: Delivery) -> Iterator[str]:
        manifest, there = delivery.manifest, self.columns
        if manifest.format != self.format:
            yield f"its format is {manifest.format}, and the table's is {self.format or 'unknown'}"
        found = list(manifest.columns)
        if sorted(found) != sorted(there):
            more, less = _without(found, there), _without(there, found)
            yield f"its columns differ: the delivery alone has {more or 'none'}, the table alone has {less or 'none'}"
        elif found != there and self.format != "Parquet":
            yield f"its columns have another order: {', '.join(found)}, in the table {', '.join(there)}"


def find_table(glue: "GlueClient", database: str, name: str) -> GlueTable:
    """Return the Glue table `database.name`.

    Raises:
        NotFound: There is no such table.
        BrigadeError: AWS refused the call.
    """
    try:
        return GlueTable(glue.get_table(DatabaseName=database, Name=name)["Table"])
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "EntityNotFoundException":
            raise NotFound(f"there is no table {database}.{name} in Glue; deploy the catalog stack") from error
        raise translate_error(error, f"the Glue table {database}.{name}") from error


def translate_error(error: ClientError, what: str) -> BrigadeError:
    """Return the error to raise if AWS rejects a call about ``what``."""
    code, message = (str(error.response.get("Error", {}).get(name, "")) for name in ("Code", "Message"))
    if code in RETRYABLE_CODES:
        return RetryLater(f"AWS asks to slow down at {what} ({code}); try again in a minute")
    return BrigadeError(f"AWS refused {what} ({code}): {message}")


def _other_files(delivery: Delivery, symlink: str) -> Iterator[str]:
    """Yield the reason why ``symlink.txt``, which names Athena's data files, does not name those of the manifest."""
    bucket, _, key = symlink.removeprefix("s3://").partition("/")
    try:
        named = b"".join(read.stream_object(delivery.s3, bucket, key)).decode().split()
    except NotFound:
        yield f"{symlink} is not there, by which Athena finds the data files"
        return
    wanted = [f"s3://{bucket}/{file.key}" for file in delivery.manifest.files]
    if sorted(named) != sorted(wanted):
        yield f"{symlink} names {len(named)} data files, not the {len(wanted)} of the manifest"


def _without(names: Sequence[str], others: Sequence[str]) -> str:
    return ", ".join(name for name in names if name not in others)
