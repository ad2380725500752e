"""Deliveries of the local AWS read by the library, in all three formats."""

import pytest

from brigade.errors import InvalidData, NotFound
from brigade.inventory import list_deliveries, open_delivery, open_latest_delivery, read
from tests.local.inventory_lake import COLUMNS, Lake


def test_rows_are_the_objects_of_the_bucket(lake: Lake) -> None:
    s3 = lake.client("s3")
    delivery = open_latest_delivery(s3, *lake.place)
    assert (delivery.manifest.format, delivery.manifest.source_bucket) == (lake.form, lake.lake)
    assert dict(delivery.manifest.columns) == COLUMNS
    found = [row for batch in read(delivery) for row in batch.to_pylist()]
    listed = s3.list_object_versions(Bucket=lake.lake)
    expected = {
        (item["Key"], item["VersionId"], item["IsLatest"], item.get("Size"), item["LastModified"])
        for item in [*listed["Versions"], *listed["DeleteMarkers"]]
    }
    seen = {(row["key"], row["version_id"], row["is_latest"], row["size"], row["last_modified_date"]) for row in found}
    assert {row[:4] for row in seen} == {row[:4] for row in expected}
    moments = {row[1]: row[4] for row in expected}
    assert all(abs((row[4] - moments[row[1]]).total_seconds()) < 1 for row in seen)
    assert {row["key"] for row in found if row["is_delete_marker"]} == {"delete/me.txt"}


def test_deliveries_are_found_newest_first_and_only_when_finished(lake: Lake) -> None:
    s3 = lake.client("s3")
    first, *others = list_deliveries(s3, *lake.place)
    assert first == open_latest_delivery(s3, *lake.place)
    assert open_delivery(s3, first.uri).manifest == first.manifest
    key = f"inventory/{lake.lake}/all/2099-01-01T01-00Z/manifest.json"
    s3.put_object(Bucket=lake.reports, Key=key, Body=b"{}")
    try:
        assert list_deliveries(s3, *lake.place) == [first, *others]
        with pytest.raises(NotFound, match="S3 has not finished the delivery"):
            open_delivery(s3, f"s3://{lake.reports}/{key}")
    finally:
        s3.delete_object(Bucket=lake.reports, Key=key)


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_no_delivery_says_what_to_do(lake: Lake) -> None:
    s3 = lake.client("s3")
    with pytest.raises(NotFound, match="within 48 hours; on the local AWS run: brigade local deliver-inventory"):
        open_latest_delivery(s3, lake.reports, "inventory", lake.lake, "other")
    with pytest.raises(NotFound, match="no such bucket"):
        open_latest_delivery(s3, "no-such-bucket-here", "inventory", lake.lake, "all")


@pytest.mark.parametrize("lake", ["CSV"], indirect=True)
def test_a_manifest_that_points_outside_its_bucket_is_refused(lake: Lake) -> None:
    s3 = lake.client("s3")
    folder = (
        open_latest_delivery(s3, *lake.place).uri.removeprefix(f"s3://{lake.reports}/").removesuffix("manifest.json")
    )
    for name in ("manifest.json", "manifest.checksum"):
        s3.copy_object(Bucket=lake.lake, Key=f"copied/{name}", CopySource=f"{lake.reports}/{folder}{name}")
    with pytest.raises(InvalidData, match=f"points outside its bucket, to '{lake.reports}'"):
        open_delivery(s3, f"s3://{lake.lake}/copied/manifest.json")
