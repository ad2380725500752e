"""The rights that Athena needs from the caller in Glue and S3; without one it refuses a query.

User guide: "Fine-grained access to databases and tables in the AWS Glue Data Catalog" (a query reads the database, the
table, and for a partitioned table its partitions; Glue wants each right on the catalog and the database too),
"Partition projection" (which spares Athena the call for partitions), "Access to Amazon S3", and API_GetQueryResults
(who reads results needs s3:GetObject on them). Objects under a KMS key need a grant on the key too.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from ministack.core.responses import get_account_id, get_region

from local import identity, keys


class Denied(Exception):
    """The caller lacks a right. The message is Athena's reason."""


def caller() -> identity.Caller:
    """Return the caller of this request.

    Raises:
        Denied: The key or the session of the caller is not valid any more.
    """
    try:
        return identity.current()
    except identity.Refused as refused:
        raise Denied(refused.message) from None


def require_table(database: str, table: str, *, registered: bool) -> None:
    """Return if the caller may read the database, the table and, if ``registered``, its partitions from Glue."""
    root = f"arn:aws:glue:{get_region()}:{get_account_id()}"
    up = (f"{root}:catalog", f"{root}:database/{database}")
    whole = (*up, f"{root}:table/{database}/{table}")
    asked = [
        ("glue:GetDatabase", up),
        ("glue:GetTable", whole),
        *([("glue:GetPartitions", whole)] if registered else []),
    ]
    who = caller()
    for action, resources in asked:
        for resource in resources:
            if not identity.allowed(who, action, resource):
                raise Denied(
                    f"Insufficient permissions to execute the query. User: {who.arn} is not authorized to perform: "
                    f"{action} on resource: {resource} because no identity-based policy allows the {action} action"
                )


def require_list(bucket: str, prefix: str) -> None:
    """Return if the caller may list a prefix of a bucket."""
    _require_s3("s3:ListBucket", f"arn:aws:s3:::{bucket}", f"s3://{bucket}/{prefix}", {"s3:prefix": prefix})


def require_read(bucket: str, key: str) -> None:
    """Return if the caller may read an object."""
    _require_s3("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", f"s3://{bucket}/{key}")
    _require_key("kms:Decrypt", keys.of_object(bucket, key), f"s3://{bucket}/{key}")


def require_output_bucket(location: str) -> None:
    """Return True if the caller may read the location of the results' bucket: Athena checks it before a query."""
    bucket = urlsplit(location).netloc
    if not identity.allowed(caller(), "s3:GetBucketLocation", f"arn:aws:s3:::{bucket}"):
        raise Denied(f"Unable to verify/create output bucket {bucket} (the caller needs s3:GetBucketLocation on it)")


def require_write(uri: str) -> None:
    """Return if the caller may write the result object."""
    where = urlsplit(uri)
    if not identity.allowed(caller(), "s3:PutObject", f"arn:aws:s3:::{where.netloc}{where.path}"):
        raise Denied(
            f"Access denied when writing output to url: {uri} . Please ensure you are allowed to access the S3 bucket."
        )
    _require_key("kms:GenerateDataKey", keys.of_write(where.netloc, {}), uri)


def _require_s3(action: str, resource: str, uri: str, context: Mapping[str, str] | None = None) -> None:
    who = caller()
    if not identity.allowed(who, action, resource, context):
        raise Denied(f"Permission denied on S3 path: {uri} (User: {who.arn} is not authorized to perform: {action})")


def _require_key(action: str, key: str | None, uri: str) -> None:
    who = caller()
    if not keys.usable(who, action, key):
        raise Denied(f"Permission denied on S3 path: {uri} (User: {who.arn} is not authorized to perform: {action})")
