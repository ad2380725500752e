"""Glue tables over deliveries in each format, and queries on them: what tests of Athena begin with."""

import uuid
from typing import Any

from tests.local.conftest import Emulator
from tests.local.inventories import KEYS, Inventory

SERDES = {
    "CSV": "org.apache.hadoop.hive.serde2.OpenCSVSerde",
    "ORC": "org.apache.hadoop.hive.ql.io.orc.OrcSerde",
    "Parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
FIELDS = ["Size", "LastModifiedDate", "ETag", "IsMultipartUploaded", "ObjectLockRetainUntilDate"]
PROJECTION = {
    "projection.enabled": "true",
    "projection.dt.type": "date",
    "projection.dt.format": "yyyy-MM-dd-HH-mm",
    "projection.dt.range": "2022-01-01-00-00,NOW",
    "projection.dt.interval": "1",
    "projection.dt.interval.unit": "HOURS",
}


class Lake:
    """A bucket with two deliveries in each format, and a Glue table over each."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.inventory = Inventory(emulator)
        self.inventory.allow()
        self.reports = self.inventory.destination
        self.glue = emulator.root("glue")
        self.database = f"catalog_{uuid.uuid4().hex[:8]}"
        self.glue.create_database(DatabaseInput={"Name": self.database})
        s3 = self.inventory.s3
        s3.put_bucket_versioning(Bucket=self.inventory.source, VersioningConfiguration={"Status": "Enabled"})
        for key in KEYS:
            s3.put_object(Bucket=self.inventory.source, Key=key, Body=b"12345")
        s3.delete_object(Bucket=self.inventory.source, Key=KEYS[0])
        for file_format in SERDES:
            self.inventory.configure(file_format.lower(), file_format, "All", OptionalFields=FIELDS)
        self.deliveries = [self._by_id(), self._by_id()]
        for file_format in SERDES:
            self.table(file_format.lower(), file_format)

    def _by_id(self) -> dict[str, str]:
        return {delivered["id"]: delivered["delivery"] for delivered in self.inventory.deliver()}

    def dt(self, number: int) -> str:
        folder = self.deliveries[number]["csv"].split("/")[-2]
        return folder.replace("T", "-").removesuffix("Z")

    def table(self, name: str, file_format: str, **changed: Any) -> None:
        text = file_format == "CSV"
        types = {
            "is_latest": "boolean",
            "is_delete_marker": "boolean",
            "size": "string" if text else "bigint",
            "last_modified_date": "string" if text else "timestamp",
            "is_multipart_uploaded": "boolean",
            "object_lock_retain_until_date": "string" if text else "bigint",
            **changed.get("types", {}),
        }
        names = ["bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified_date"]
        names += ["e_tag", "is_multipart_uploaded", "object_lock_retain_until_date", *changed.get("more", [])]
        storage = {
            "Location": f"s3://{self.reports}/inventory/{self.inventory.source}/{file_format.lower()}/hive/",
            "InputFormat": changed.get("input_format", "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"),
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {"SerializationLibrary": SERDES[file_format], "Parameters": {"serialization.format": "1"}},
            "Columns": [{"Name": column, "Type": types.get(column, "string")} for column in names],
        }
        table = {
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {
                "EXTERNAL": "TRUE",
                "classification": file_format.lower(),
                **changed.get("parameters", PROJECTION),
            },
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "StorageDescriptor": storage,
        }
        self.glue.create_table(DatabaseName=self.database, TableInput=table)

    def start(self, sql: str, athena: Any = None, **more: Any) -> dict[str, Any]:
        return self.inventory.execute(sql, self.database, athena, **more)

    def rows(self, sql: str, **more: Any) -> list[list[str | None]]:
        return self.inventory.query(sql, self.database, **more)

    def reason(self, sql: str, **more: Any) -> str:
        status = self.start(sql, **more)["Status"]
        assert status["State"] == "FAILED", status
        reason: str = status["StateChangeReason"]
        return reason
