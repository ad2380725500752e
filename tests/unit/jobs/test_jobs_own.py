"""S3's own operations: what is asked of S3 is what its model takes, and what makes no sense is refused before."""

from typing import Any, get_args

import boto3
import pytest
from botocore.config import Config
from botocore.validate import validate_parameters

from brigade.errors import UsageError
from brigade.jobs.price import Quote, estimate_lines, load_prices
from brigade.jobs.request import JobPlan, build_request, new_run_name
from brigade.jobs.retry import plan_retry
from brigade.jobs.s3_operations import NATIVE_OPERATIONS, PREFIX, find_operation, operation_name
from brigade.settings import OwnOperation

LAKE = "arn:aws:s3:::lake"
GIVEN: dict[str, dict[str, str]] = {
    "s3:copy": {"prefix": "old/", "storage_class": "GLACIER_IR"},
    "s3:tag": {"team": "red", "größe": ""},
    "s3:untag": {},
    "s3:acl": {"canned": "bucket-owner-full-control"},
    "s3:restore": {"days": "3", "tier": "STANDARD"},
    "s3:hold": {"status": "ON"},
    "s3:retain": {"mode": "GOVERNANCE", "until": "2027-01-01T00:00:00Z", "bypass": "true"},
    "s3:checksum": {"algorithm": "SHA256"},
}


def test_the_names_are_those_of_the_settings() -> None:
    assert {name.removeprefix(PREFIX) for name in NATIVE_OPERATIONS} == set(get_args(OwnOperation))


@pytest.mark.parametrize("name", NATIVE_OPERATIONS)
def test_the_request_is_one_that_s3_takes(name: str) -> None:
    client = boto3.client("s3control", region_name="us-east-1", config=Config(parameter_validation=True))
    shape = client.meta.service_model.shape_for("JobOperation")
    operation = NATIVE_OPERATIONS[name].request(GIVEN[name], LAKE)
    validate_parameters(operation, shape)
    assert operation_name(operation) == name


def test_arguments_become_parameters() -> None:
    def parameters(name: str, **given: str) -> Any:
        (made,) = NATIVE_OPERATIONS[name].request(given, LAKE).values()
        return made

    assert parameters("s3:copy", prefix="a/") == {"TargetResource": LAKE, "TargetKeyPrefix": "a/"}
    assert parameters("s3:copy", to="other") == {"TargetResource": "arn:aws:s3:::other"}
    assert parameters("s3:tag", a="b") == {"TagSet": [{"Key": "a", "Value": "b"}]}
    assert parameters("s3:restore") == {"GlacierJobTier": "BULK"}
    assert parameters("s3:retain") == {"Retention": {}}
    assert parameters("s3:checksum") == {"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("s3:copy", {}, "each object would be copied onto itself"),
        ("s3:tag", {}, "0 tags; s3:tag sets 1 to 10"),
        ("s3:tag", {str(n): "" for n in range(11)}, "11 tags"),
        ("s3:tag", {"k": "v" * 257}, "256 of a value"),
        ("s3:untag", {"a": "b"}, "no argument 'a'"),
        ("s3:acl", {}, "missing required field `canned`"),
        ("s3:acl", {"canned": "mine"}, "argument canned"),
        ("s3:restore", {"days": "0"}, "argument days"),
        ("s3:hold", {"status": "on"}, "argument status"),
        ("s3:retain", {"mode": "GOVERNANCE"}, "both, or neither"),
        ("s3:retain", {"mode": "GOVERNANCE", "until": "2027-01-01T00:00:00"}, "has no time zone"),
        ("s3:checksum", {"algorithm": "MD4"}, "argument algorithm"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        NATIVE_OPERATIONS[name].request(given, LAKE)


def test_names_are_found_or_said() -> None:
    assert find_operation("verify") is None
    assert find_operation("s3:tag") is NATIVE_OPERATIONS["s3:tag"]
    with pytest.raises(UsageError, match="there are s3:copy, s3:tag"):
        find_operation("s3:delete")
    assert operation_name({"LambdaInvoke": {}}) is None


def test_a_job_of_one_runs_no_function() -> None:
    operation = NATIVE_OPERATIONS["s3:tag"].request({"team": "red"}, LAKE)
    plan = JobPlan(
        "dev", "s3:tag", "", {"team": "red"}, "all", "lake", "reports", "arn:aws:iam::1:role/r", own=operation
    )
    run = new_run_name(plan)
    assert run.startswith("s3-tag-20")
    request: Any = build_request(plan, run, {"Manifest": {}})
    assert request["Operation"] == operation
    assert {"Key": "brigade:operation", "Value": "s3:tag"} in request["Tags"]
    assert request["ConfirmationRequired"] is False


def test_what_failed_of_one_is_retried_as_it_was() -> None:
    operation = NATIVE_OPERATIONS["s3:hold"].request({"status": "ON"}, LAKE)
    described = {
        "JobId": "one",
        "Status": "Complete",
        "CreationTime": None,
        "Operation": operation,
        "Report": {"Enabled": True, "Bucket": "arn:aws:s3:::reports", "Prefix": "jobs"},
    }
    plan = plan_retry(
        described,
        stage="dev",
        functions={},
        bucket="lake",
        reports="reports",
        role_arn="arn:aws:iam::1:role/r",
        priority=1,
    )
    assert (plan.operation, plan.own, plan.parent, plan.function_arn) == ("s3:hold", operation, "one", "")


def test_its_price_has_no_lambda() -> None:
    def lines(name: str) -> dict[str, float]:
        return {
            line.item: line.dollars
            for line in estimate_lines(1_000_000, 10**12, NATIVE_OPERATIONS[name], price=load_prices())
        }

    assert lines("s3:tag") == {"the job": 0.25, "objects": 1.0, "S3 writes": 5.0}
    assert lines("s3:untag") == {"the job": 0.25, "objects": 1.0}
    assert lines("s3:checksum") == {"the job": 0.25, "objects": 1.0, "S3 reads": 0.4, "checksums by S3": 4.0}
    assert "S3 does it itself" in Quote(NATIVE_OPERATIONS["s3:tag"], 1, 1, load_prices()).basis
