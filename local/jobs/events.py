"""Changes of state of a job on EventBridge, in the form of CloudTrail's service events.

Form: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-examples-event-bridge-cloud-trail.html
"""

import json
import logging
import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import set_request_account_id, set_request_region
from ministack.services import eventbridge

_log = logging.getLogger("local.jobs")


def tell(record: Mapping[str, Any]) -> None:
    """Put the event of the new state of a job on the default bus. A new job has another event name, as on AWS.

    The failure of a target is logged, and does not change the job.
    """
    region = record["arn"].split(":")[3]
    detail = {
        "eventVersion": "1.05",
        "userIdentity": {"accountId": record["account"], "invokedBy": "s3.amazonaws.com"},
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": "s3.amazonaws.com",
        "eventName": "JobCreated" if record["status"] == "New" else "JobStatusChanged",
        "awsRegion": region,
        "sourceIPAddress": "s3.amazonaws.com",
        "userAgent": "s3.amazonaws.com",
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "eventType": "AwsServiceEvent",
        "serviceEventDetails": {
            "jobId": record["id"],
            "jobArn": record["arn"],
            "status": record["status"],
            "jobEventId": secrets.token_hex(16),
            "failureCodes": [failure["FailureCode"] for failure in record["failures"]],
            "statusChangeReason": [failure["FailureReason"] for failure in record["failures"]],
        },
    }
    set_request_account_id(record["account"])
    set_request_region(region)
    entry = {"Source": "aws.s3", "DetailType": "AWS Service Event via CloudTrail", "Detail": json.dumps(detail)}
    try:
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
    except Exception:  # noqa: BLE001 - whatever a rule's target does, the job goes on
        _log.exception("the event of job %s was not delivered", record["id"])
