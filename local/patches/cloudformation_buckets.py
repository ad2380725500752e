"""CloudFormation of ministack 1.5.33: properties of a bucket, and the deletion of one that is not empty."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree

from ministack.services import s3
from ministack.services.cloudformation import provisioners

from local.patches.s3 import inventories, inventory
from local.replacing import replacing

Properties = Mapping[str, Any]


def apply() -> None:
    """Apply the patches of this module."""
    set_bucket_properties()
    keep_buckets_that_hold_objects()


def set_bucket_properties() -> None:
    """Symptom: lifecycle, encryption, ownership, tags and inventory of a template's bucket are dropped.

    Mends (1.5.33): each goes through the S3 API, as the properties that ministack does apply; what the API refuses
    fails the stack. Without its tags, CDK's custom resource that empties a bucket refuses to work.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
    """
    provisioners._S3_BUCKET_CONFIGURATIONS += (
        ("LifecycleConfiguration", _lifecycle, _put(s3._put_bucket_lifecycle), s3._delete_bucket_lifecycle),
        ("BucketEncryption", _encryption, _put(s3._put_bucket_encryption), s3._delete_bucket_encryption),
        (
            "OwnershipControls",
            _ownership,
            _put(s3._put_bucket_ownership_controls),
            s3._delete_bucket_ownership_controls,
        ),
        ("Tags", _tags, _put(s3._put_bucket_tagging), s3._delete_bucket_tagging),
        ("InventoryConfigurations", _inventories, _put_inventories, lambda name: inventories.pop(name, None)),
    )


def keep_buckets_that_hold_objects() -> None:
    """Symptom: deleting a stack drops its buckets with all that is in them, and leaves their files on the disk.

    Mends (1.5.33): the bucket is deleted as by the API; with objects in it, DELETE_FAILED.
    """

    @replacing(provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"], "delete")
    def delete(original: Any, name: str, properties: Properties) -> None:
        if name in s3._buckets:
            _succeed(s3._delete_bucket(name))


def _put(put: Callable[[str, bytes], Any]) -> Callable[[str, bytes], None]:
    return lambda name, body: _succeed(put(name, body))


def _succeed(answer: Any) -> None:
    status, _, body = answer
    if status >= 300:
        error = ElementTree.fromstring(body)  # noqa: S314 - what this process has just written
        raise ValueError(f"{error.findtext('Message')} (Service: S3, Status Code: {status})")


def _put_inventories(bucket: str, bodies: Sequence[bytes]) -> None:
    inventories.pop(bucket, None)
    for body in bodies:
        name = ElementTree.fromstring(body).findtext(f"{{{s3.S3_NS}}}Id") or ""  # noqa: S314 - written just before
        _succeed(inventory("PUT", bucket, name, body))


def _xml(name: str, content: Any) -> bytes:
    """Write a tree: a mapping is elements, a list repeats its element, None is left out."""
    root = ElementTree.Element(name, xmlns=s3.S3_NS)
    _fill(root, content)
    return ElementTree.tostring(root)


def _fill(parent: ElementTree.Element, content: Any) -> None:
    if not isinstance(content, Mapping):
        parent.text = str(content).lower() if isinstance(content, bool) else str(content)
        return
    for name, value in content.items():
        for item in value if isinstance(value, list) else [value]:
            if item is not None:
                _fill(ElementTree.SubElement(parent, name), item)


def _lifecycle(given: Properties) -> bytes:
    return _xml("LifecycleConfiguration", {"Rule": [_rule(rule) for rule in given["Rules"]]})


def _rule(rule: Properties) -> dict[str, Any]:
    expiration = {
        "Days": rule.get("ExpirationInDays"),
        "Date": rule.get("ExpirationDate"),
        "ExpiredObjectDeleteMarker": _boolean(rule.get("ExpiredObjectDeleteMarker")),
    }
    return {
        "ID": rule.get("Id"),
        "Filter": {"Prefix": rule.get("Prefix", "")},
        "Status": rule["Status"],
        "Expiration": expiration if any(value is not None for value in expiration.values()) else None,
        "NoncurrentVersionExpiration": rule.get("NoncurrentVersionExpiration"),
        "AbortIncompleteMultipartUpload": rule.get("AbortIncompleteMultipartUpload"),
        "Transition": [
            {"Days": each.get("TransitionInDays"), "StorageClass": each["StorageClass"]}
            for each in rule.get("Transitions", [])
        ],
        "NoncurrentVersionTransition": [
            {"NoncurrentDays": each.get("TransitionInDays"), "StorageClass": each["StorageClass"]}
            for each in rule.get("NoncurrentVersionTransitions", [])
        ],
    }


def _encryption(given: Properties) -> bytes:
    rules = [
        {
            "ApplyServerSideEncryptionByDefault": dict(rule["ServerSideEncryptionByDefault"]),
            "BucketKeyEnabled": _boolean(rule.get("BucketKeyEnabled")),
        }
        for rule in given["ServerSideEncryptionConfiguration"]
    ]
    return _xml("ServerSideEncryptionConfiguration", {"Rule": rules})


def _ownership(given: Properties) -> bytes:
    return _xml("OwnershipControls", {"Rule": [dict(rule) for rule in given["Rules"]]})


def _tags(given: Sequence[Properties]) -> bytes:
    return _xml("Tagging", {"TagSet": {"Tag": [dict(tag) for tag in given]}})


def _inventories(given: Sequence[Properties]) -> list[bytes]:
    return [_xml("InventoryConfiguration", _inventory(each)) for each in given]


def _inventory(given: Properties) -> dict[str, Any]:
    to = given["Destination"]
    destination = {
        "AccountId": to.get("BucketAccountId"),
        "Bucket": to["BucketArn"],
        "Format": to["Format"],
        "Prefix": to.get("Prefix"),
    }
    return {
        "Destination": {"S3BucketDestination": destination},
        "IsEnabled": _boolean(given["Enabled"]),
        "Filter": {"Prefix": given["Prefix"]} if given.get("Prefix") else None,
        "Id": given["Id"],
        "IncludedObjectVersions": given["IncludedObjectVersions"],
        "OptionalFields": {"Field": list(given["OptionalFields"])} if given.get("OptionalFields") else None,
        "Schedule": {"Frequency": given["ScheduleFrequency"]},
    }


def _boolean(given: Any) -> bool | None:
    """Return a boolean property, of true or "true" in the template; None stays None."""
    return None if given is None else bool(provisioners._cfn_bool(given))
