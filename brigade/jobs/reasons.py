"""Why a job as a whole failed: S3's texts, what they mean, and what to do.

Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-troubleshooting.html
"""

import re

_REMEDIES = (
    (
        r"reading the manifest is forbidden",
        "the job's role may not read the manifest: it reads manifests/ of the stage's reports bucket only",
    ),
    (
        r"etag",
        "the manifest was changed after it was pinned: submit again, under a new manifest",
    ),
    (
        r"invalid manifest content|not properly formatted|missing in the schema|invalid object key|invalid version id",
        "the manifest breaks a rule of S3: no header, no blank line, UTF-8 without a byte order mark, keys "
        "URL-encoded, a version in all rows or none",
    ),
    (
        r"no keys matching",
        "the filter matches no object: widen it",
    ),
    (
        r"more keys than the maximum",
        "the selection is over S3's limit for one job: submit it in parts",
    ),
    (
        r"report could not be written",
        "the work was done, but its report could not be written: check the role's s3:PutObject on jobs/ of the reports "
        "bucket, and that the bucket has no default Object Lock",
    ),
    (
        r"fail(ure)? (rate|threshold)|too many failed|exceeds",
        "more than half of the tasks failed, so S3 gave up: see `brigade jobs report`, mend, then `brigade jobs retry`",
    ),
    (
        r"awaiting.?confirmation|suspended",
        "nobody confirmed it within 30 days: submit again",
    ),
)


def remedy(code: str, text: str) -> str:
    """Give what to do about one failure reason of a job; a reason that is not known points at the user guide."""
    for pattern, advice in _REMEDIES:
        if re.search(pattern, f"{code} {text}", re.IGNORECASE):
            return advice
    return "not a reason that is known here: see Troubleshooting S3 Batch Operations in the S3 User Guide"
