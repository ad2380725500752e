"""Credentials of the local AWS: the root keys, the user `operator`, and the environment of an SDK."""

import gzip
import importlib.resources
import json
from collections.abc import Mapping
from typing import Any

from local.home import REGION, ROOT, Home

OPERATOR = "operator"
_RULES = "s3control/2018-08-20/endpoint-rule-set-1.json"


def prepare(home: Home, endpoint: str) -> None:
    """Write `credentials.json` and the endpoint rules, and create the user `operator` if it does not exist.

    The operator's keys stay the same for as long as the home keeps its state.
    """
    _write_rules(home)
    known = json.loads(home.credentials.read_text()) if home.credentials.exists() else {}
    keys = known.get("operator")
    if not (keys and _valid(endpoint, keys)):
        keys = _make_operator(endpoint)
    document = {"endpoint": endpoint, "root": ROOT, "operator": keys}
    fresh = home.credentials.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(document, indent=1))
    fresh.replace(home.credentials)


def environment(home: Home, *, root: bool) -> Mapping[str, str]:
    """Return the environment variables with which any AWS SDK or CLI calls this AWS as `operator`, or as root."""
    document = json.loads(home.credentials.read_text())
    keys = document["root" if root else "operator"]
    return {
        "AWS_ENDPOINT_URL": document["endpoint"],
        "AWS_ACCESS_KEY_ID": keys["access_key"],
        "AWS_SECRET_ACCESS_KEY": keys["secret_key"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_DATA_PATH": str(home.models),
        # StartSyncExecution and others put a word in front of the host, which on loopback resolves nowhere.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def _client(service: str, endpoint: str, keys: Mapping[str, str]) -> Any:
    import boto3  # most commands make no call, and this loads slower than they run

    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=keys["access_key"],
        aws_secret_access_key=keys["secret_key"],
    )


def _valid(endpoint: str, keys: Mapping[str, str]) -> bool:
    sts = _client("sts", endpoint, keys)
    try:
        sts.get_caller_identity()
    except sts.exceptions.ClientError:
        return False
    return True


def _make_operator(endpoint: str) -> dict[str, str]:
    iam = _client("iam", endpoint, ROOT)
    try:
        iam.create_user(UserName=OPERATOR)
    except iam.exceptions.EntityAlreadyExistsException:
        for key in iam.list_access_keys(UserName=OPERATOR)["AccessKeyMetadata"]:
            iam.delete_access_key(UserName=OPERATOR, AccessKeyId=key["AccessKeyId"])
    key = iam.create_access_key(UserName=OPERATOR)["AccessKey"]
    return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}


def _write_rules(home: Home) -> None:
    """Write S3 Control's endpoint rules without the account prefix, which they put before any host."""
    packed = importlib.resources.files("botocore").joinpath("data", *f"{_RULES}.gz".split("/")).read_bytes()
    rules = gzip.decompress(packed).decode()
    mended = rules.replace(
        "{url#scheme}://{AccountId}.{url#authority}{url#path}", "{url#scheme}://{url#authority}{url#path}"
    )
    if mended == rules:
        raise RuntimeError("botocore's endpoint rules of S3 Control are not as they were; see local/access.py")
    place = home.models / _RULES
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(mended)
