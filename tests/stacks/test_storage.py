"""The buckets keep what is in them to their owner, and S3 writes an inventory of the lake that the reports take."""

from typing import Any

import pytest

from tests.stacks.conftest import Buckets, Stage, Synthesized

BUCKETS = ("Lake", "Reports", "State")
EVERY_FIELD = [
    *("Size", "LastModifiedDate", "ETag", "StorageClass", "IsMultipartUploaded", "ReplicationStatus"),
    *("EncryptionStatus", "ObjectLockRetainUntilDate", "ObjectLockMode", "ObjectLockLegalHoldStatus"),
    *("IntelligentTieringAccessTier", "BucketKeyStatus", "ChecksumAlgorithm", "ObjectAccessControlList"),
    *("ObjectOwner", "LifecycleExpirationDate"),
]


def bucket(made: Synthesized, name: str) -> dict[str, Any]:
    return made.one("storage", "AWS::S3::Bucket", name)


def reference(made: Synthesized, name: str, attribute: str = "Arn") -> dict[str, Any]:
    (logical,) = (id for id in made.all("storage", "AWS::S3::Bucket") if id.startswith(name))
    return {"Fn::GetAtt": [logical, attribute]}


def statements(made: Synthesized, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.one("storage", "AWS::S3::BucketPolicy", name)["PolicyDocument"]["Statement"]
    return found


@pytest.mark.parametrize("name", BUCKETS)
@pytest.mark.parametrize("which", ["dev", "prod"])
def test_every_bucket_is_private_owned_encrypted_and_over_tls_only(stage: Stage, which: str, name: str) -> None:
    made = stage(which)
    properties = bucket(made, name)
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert "ServerSideEncryptionConfiguration" in str(properties.get("BucketEncryption"))
    arn = reference(made, name)
    assert {
        "Action": "s3:*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Resource": [arn, {"Fn::Join": ["", [arn, "/*"]]}],
    } in statements(made, name)


@pytest.mark.parametrize("name", BUCKETS)
def test_unfinished_uploads_are_swept_from_every_bucket(buckets: Buckets, name: str) -> None:
    rules = bucket(buckets(retention={"unfinished_uploads": 3}), name)["LifecycleConfiguration"]["Rules"]
    (sweep,) = (rule for rule in rules if rule["Id"] == "unfinished-uploads")
    assert sweep == {
        "Id": "unfinished-uploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
    }


def test_the_lake_and_the_state_keep_old_versions_for_their_days(buckets: Buckets) -> None:
    made = buckets(retention={"old_versions": 12})
    for name in ("Lake", "State"):
        assert bucket(made, name)["VersioningConfiguration"] == {"Status": "Enabled"}
        rules = bucket(made, name)["LifecycleConfiguration"]["Rules"]
        (old,) = (rule for rule in rules if rule["Id"] == "old-versions")
        assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 12}
        assert old["ExpiredObjectDeleteMarker"] is True
        assert not any("ExpirationInDays" in rule for rule in rules), "data and memory never expire"
    assert "VersioningConfiguration" not in bucket(made, "Reports")


def test_reports_expire_each_after_its_own_days(buckets: Buckets) -> None:
    made = buckets(
        inventory={"prefix": "deep/inventory"}, retention={"deliveries": 11, "job_reports": 22, "query_results": 33}
    )
    rules = bucket(made, "Reports")["LifecycleConfiguration"]["Rules"]
    expiring = {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "Prefix" in rule}
    assert expiring == {"deep/inventory/": 11, "jobs/": 22, "manifests/": 22, "queries/": 33}
    assert {rule["Status"] for rule in rules} == {"Enabled"}


def test_dev_goes_with_its_contents_and_prod_stays(stage: Stage) -> None:
    dev, prod = stage("dev").template("storage")["Resources"], stage("prod").template("storage")["Resources"]
    kinds = ("AWS::S3::Bucket", "AWS::KMS::Key")
    assert {made["DeletionPolicy"] for made in dev.values() if made["Type"] in kinds} == {"Delete"}
    assert {made["DeletionPolicy"] for made in prod.values() if made["Type"] in kinds} == {"Retain"}
    assert sum(made["Type"] == "Custom::S3AutoDeleteObjects" for made in dev.values()) == 3
    assert not any(made["Type"] == "Custom::S3AutoDeleteObjects" for made in prod.values())


@pytest.mark.parametrize("form", ["CSV", "ORC", "Parquet"])
@pytest.mark.parametrize("encryption", ["s3", "kms"])
def test_the_lake_has_one_inventory_with_every_field(buckets: Buckets, form: str, encryption: str) -> None:
    made = buckets(
        encryption=encryption, inventory={"format": form, "frequency": "Weekly", "versions": "All", "id": "whole"}
    )
    assert bucket(made, "Lake")["InventoryConfigurations"] == [
        {
            "Id": "whole",
            "Enabled": True,
            "IncludedObjectVersions": "All",
            "ScheduleFrequency": "Weekly",
            "OptionalFields": EVERY_FIELD,
            "Destination": {
                "BucketArn": reference(made, "Reports"),
                "BucketAccountId": {"Ref": "AWS::AccountId"},
                "Format": form,
                "Prefix": "inventory",
            },
        }
    ]
    outputs = {name: output["Value"] for name, output in made.template("storage")["Outputs"].items()}
    assert (outputs["InventoryId"], outputs["InventoryPrefix"], outputs["InventoryFormat"]) == (
        "whole",
        "inventory",
        form,
    )


def test_the_reports_take_deliveries_of_the_lake_from_s3_alone(buckets: Buckets) -> None:
    made = buckets()
    assert {
        "Sid": "InventoryPolicy",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": {"Fn::Join": ["", [reference(made, "Reports"), "/inventory/*"]]},
        "Condition": {
            "ArnLike": {"aws:SourceArn": reference(made, "Lake")},
            "StringEquals": {
                "aws:SourceAccount": {"Ref": "AWS::AccountId"},
                "s3:x-amz-acl": "bucket-owner-full-control",
            },
        },
    } in statements(made, "Reports")
    allowed = [found for name in ("Lake", "State") for found in statements(made, name) if found["Effect"] == "Allow"]
    assert all("AutoDelete" in str(found["Principal"]) for found in allowed), "nobody else is let in by a bucket"


def test_a_key_of_its_own_encrypts_every_bucket_and_lets_the_inventory_write(buckets: Buckets) -> None:
    made = buckets(encryption="kms")
    (logical,) = made.all("storage", "AWS::KMS::Key")
    for name in BUCKETS:
        (rule,) = bucket(made, name)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["BucketKeyEnabled"] is True
        assert rule["ServerSideEncryptionByDefault"] == {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": {"Fn::GetAtt": [logical, "Arn"]},
        }
    key = made.one("storage", "AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    administration, inventory = key["KeyPolicy"]["Statement"]
    assert administration["Action"] == "kms:*", "the account's own policies decide who else may use it"
    assert inventory == {
        "Sid": "InventoryPolicy",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "kms:GenerateDataKey",
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
            "ArnLike": {
                "aws:SourceArn": {"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::brigade-dev-storage-*"]]}
            },
        },
    }


def test_a_stage_without_a_key_has_none(buckets: Buckets) -> None:
    assert not buckets().all("storage", "AWS::KMS::Key")
    rules = bucket(buckets(), "Lake")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rules == [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]


def test_metadata_tables_are_made_only_when_asked_for(buckets: Buckets) -> None:
    lake = buckets().one("storage", "AWS::S3::Bucket", "Lake")
    assert "MetadataConfiguration" not in lake
    lake = buckets(metadata_tables=True).one("storage", "AWS::S3::Bucket", "Lake")
    assert lake["MetadataConfiguration"] == {
        "InventoryTableConfiguration": {"ConfigurationState": "ENABLED"},
        "JournalTableConfiguration": {"RecordExpiration": {"Expiration": "ENABLED", "Days": 30}},
    }


def test_s3_tells_eventbridge_of_deliveries(buckets: Buckets) -> None:
    reports = buckets().one("storage", "AWS::S3::Bucket", "Reports")
    assert reports["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
