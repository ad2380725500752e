"""Every grant of the stacks is needed: take any one away, and something that people or services do fails."""

import os
from collections.abc import Iterator

import pytest

from tests.local.deployment import Deployment
from tests.local.exercises import Exercises
from tests.local.grants import Grant, Policies

NEEDED_FOR = {
    Grant("S3 Inventory", "s3:PutObject", "reports/inventory/*"): "deliver_the_inventory",
    Grant("delivery arrived", "athena:GetQueryExecution", "athena:workgroup/brigade-dev"): "summarize_a_delivery",
    Grant("delivery arrived", "athena:GetQueryResults", "athena:workgroup/brigade-dev"): "summarize_a_delivery",
    Grant("delivery arrived", "athena:StartQueryExecution", "athena:workgroup/brigade-dev"): "summarize_a_delivery",
    Grant("delivery arrived", "events:PutEvents", "events:event-bus/default"): "summarize_a_delivery",
    Grant("delivery arrived", "glue:GetDatabase", "glue:catalog"): "summarize_a_delivery",
    Grant("delivery arrived", "glue:GetDatabase", "glue:database/brigade_dev"): "summarize_a_delivery",
    Grant("delivery arrived", "glue:GetTable", "glue:catalog"): "summarize_a_delivery",
    Grant("delivery arrived", "glue:GetTable", "glue:database/brigade_dev"): "summarize_a_delivery",
    Grant("delivery arrived", "glue:GetTable", "glue:table/brigade_dev/inventory*"): "summarize_a_delivery",
    Grant("delivery arrived", "glue:UpdateTable", "glue:catalog"): "say_where_the_data_is",
    Grant("delivery arrived", "glue:UpdateTable", "glue:database/brigade_dev"): "say_where_the_data_is",
    Grant("delivery arrived", "glue:UpdateTable", "glue:table/brigade_dev/inventory*"): "say_where_the_data_is",
    Grant("delivery arrived", "s3:GetBucketLocation", "reports"): "summarize_a_delivery",
    Grant("delivery arrived", "s3:GetObject", "reports/inventory/*"): "summarize_a_delivery",
    Grant("delivery arrived", "s3:GetObject", "reports/queries/*"): "summarize_a_delivery",
    Grant("delivery arrived", "s3:GetObject", "state/inventory/*"): "summarize_a_delivery",
    Grant("delivery arrived", "s3:ListBucket", "reports"): "summarize_a_delivery",
    Grant("delivery arrived", "s3:PutObject", "reports/queries/*"): "summarize_a_delivery",
    Grant("delivery arrived", "s3:PutObject", "state/inventory/*"): "summarize_the_first_delivery",
    Grant("delivery arrived", "s3:ListBucket", "state"): "summarize_the_first_delivery",
    Grant("delivery arrived", "logs:CreateLogStream", "its log group"): "log_a_summary",
    Grant("delivery arrived", "logs:PutLogEvents", "its log group"): "log_a_summary",
    Grant("ingest demo", "logs:CreateLogStream", "its log group"): "log_an_ingest",
    Grant("ingest demo", "logs:PutLogEvents", "its log group"): "log_an_ingest",
    Grant("ingest demo", "s3:AbortMultipartUpload", "lake/demo/*"): "ingest_an_endless_api",
    Grant("ingest demo", "s3:DeleteObject", "state/ingest/demo/*"): "ingest_a_date_in_parts",
    Grant("ingest demo", "s3:GetObject", "lake/demo/*"): "ingest_a_date_twice",
    Grant("ingest demo", "s3:GetObject", "state/ingest/demo/*"): "ingest_a_small_date",
    Grant("ingest demo", "s3:GetObject", "state/quarantine/demo/*"): "ingest_a_small_date",
    Grant("ingest demo", "s3:GetObject", "state/receipts/demo/*"): "ingest_a_date_twice",
    Grant("ingest demo", "s3:ListBucket", "lake"): "ingest_a_small_date",
    Grant("ingest demo", "s3:ListBucket", "state"): "ingest_a_small_date",
    Grant("ingest demo", "s3:ListBucketMultipartUploads", "lake"): "ingest_a_small_date",
    Grant("ingest demo", "s3:PutObject", "lake/demo/*"): "ingest_a_small_date",
    Grant("ingest demo", "s3:PutObject", "state/ingest/demo/*"): "ingest_a_date_in_parts",
    Grant("ingest demo", "s3:PutObject", "state/quarantine/demo/*"): "ingest_over_a_quarantine",
    Grant("ingest demo", "s3:PutObject", "state/receipts/demo/*"): "ingest_a_small_date",
    Grant("jobs recur", "athena:GetQueryExecution", "athena:workgroup/brigade-dev"): "make_a_recurring_job",
    Grant("jobs recur", "athena:GetQueryResults", "athena:workgroup/brigade-dev"): "make_a_recurring_job",
    Grant("jobs recur", "athena:StartQueryExecution", "athena:workgroup/brigade-dev"): "make_a_recurring_job",
    Grant("jobs recur", "glue:GetDatabase", "glue:catalog"): "make_a_recurring_job",
    Grant("jobs recur", "glue:GetDatabase", "glue:database/brigade_dev"): "make_a_recurring_job",
    Grant("jobs recur", "glue:GetTable", "glue:catalog"): "make_a_recurring_job",
    Grant("jobs recur", "glue:GetTable", "glue:database/brigade_dev"): "make_a_recurring_job",
    Grant("jobs recur", "glue:GetTable", "glue:table/brigade_dev/inventory"): "make_a_recurring_job",
    Grant("jobs recur", "iam:PassRole", "job role"): "make_a_recurring_job",
    Grant("jobs recur", "logs:CreateLogStream", "its log group"): "log_a_recurring_job",
    Grant("jobs recur", "logs:PutLogEvents", "its log group"): "log_a_recurring_job",
    Grant("jobs recur", "s3:AbortMultipartUpload", "reports/manifests/*"): "give_up_a_recurring_manifest",
    Grant("jobs recur", "s3:CreateJob", "*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:DescribeJob", "s3:job/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:GetBucketLocation", "reports"): "make_a_recurring_job",
    Grant("jobs recur", "s3:GetObject", "reports/inventory/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:GetObject", "reports/manifests/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:GetObject", "reports/queries/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:GetObject", "state/recurring/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:ListBucket", "reports"): "make_a_recurring_job",
    Grant("jobs recur", "s3:ListBucket", "state"): "make_a_recurring_job",
    Grant("jobs recur", "s3:PutJobTagging", "s3:job/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:PutObject", "reports/manifests/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:PutObject", "reports/queries/*"): "make_a_recurring_job",
    Grant("jobs recur", "s3:PutObject", "state/recurring/*"): "make_a_recurring_job",
    Grant("jobs recur", "sns:Publish", "alarm topic"): "make_a_recurring_job_that_waits",
    Grant("jobs ended", "logs:CreateLogStream", "its log group"): "log_the_end_of_a_job",
    Grant("jobs ended", "logs:PutLogEvents", "its log group"): "log_the_end_of_a_job",
    Grant("jobs ended", "s3:DescribeJob", "s3:job/*"): "tell_of_a_failed_job",
    Grant("jobs ended", "s3:GetObject", "reports/jobs/*"): "tell_of_a_failed_job",
    Grant("jobs ended", "s3:GetObject", "reports/manifests/job-*"): "tell_of_a_failed_job",
    Grant("jobs ended", "s3:ListBucket", "reports"): "tell_of_a_failed_job",
    Grant("jobs ended", "s3:PutObject", "reports/manifests/job-*"): "tell_of_a_failed_job",
    Grant("jobs ended", "sns:Publish", "alarm topic"): "tell_of_a_failed_job",
    Grant("job role", "lambda:InvokeFunction", "lambda:function:brigade-dev-operation-thumbnail"): "make_a_thumbnail",
    Grant("job role", "lambda:InvokeFunction", "lambda:function:brigade-dev-operation-verify"): "verify_an_object",
    Grant("job role", "s3:GetObject", "reports/inventory/*"): "verify_a_whole_delivery",
    Grant("job role", "s3:GetObject", "reports/manifests/*"): "verify_an_object",
    Grant("job role", "s3:PutObjectTagging", "lake/*"): "tag_an_object",
    Grant("job role", "s3:PutObjectVersionTagging", "lake/*"): "tag_a_version",
    Grant("job role", "s3:PutObject", "reports/jobs/*"): "verify_an_object",
    Grant("job role", "s3:PutObject", "reports/manifests/*"): "let_s3_list_objects",
    Grant("job role", "s3:PutInventoryConfiguration", "lake"): "let_s3_list_objects",
    Grant(
        "loop of demo", "lambda:InvokeFunction", "lambda:function:brigade-dev-ingest-demo"
    ): "start_the_state_machine",
    Grant("loop of demo", "sqs:SendMessage", "sqs:brigade-dev-ingest-demo-failures"): "keep_a_failure_in_the_queue",
    Grant("loop of demo", "states:StartExecution", "states:stateMachine:brigade-dev-ingest-demo"): "backfill_two_dates",
    Grant("loop of demo", "states:DescribeExecution", "states:execution:brigade-dev-ingest-demo:*"): (
        "backfill_two_dates"
    ),
    Grant("loop of demo", "states:StopExecution", "states:execution:brigade-dev-ingest-demo:*"): "backfill_two_dates",
    Grant("job role", "lambda:InvokeFunction", "lambda:function:brigade-dev-operation-forget"): "forget_an_object",
    Grant(
        "job role", "lambda:InvokeFunction", "lambda:function:brigade-dev-operation-recompress"
    ): "recompress_an_object",
    Grant("job role", "lambda:InvokeFunction", "lambda:function:brigade-dev-operation-rekey"): "rekey_an_object",
    Grant(
        "job role", "lambda:InvokeFunction", "lambda:function:brigade-dev-operation-to_parquet"
    ): "to_parquet_an_object",
    Grant("operation forget", "logs:CreateLogStream", "its log group"): "log_forget",
    Grant("operation forget", "logs:PutLogEvents", "its log group"): "log_forget",
    Grant("operation forget", "s3:ListBucket", "lake"): "miss_an_object_to_forget",
    Grant("operation recompress", "logs:CreateLogStream", "its log group"): "log_recompress",
    Grant("operation recompress", "logs:PutLogEvents", "its log group"): "log_recompress",
    Grant("operation recompress", "s3:ListBucket", "lake"): "miss_an_object_to_recompress",
    Grant("operation rekey", "logs:CreateLogStream", "its log group"): "log_rekey",
    Grant("operation rekey", "logs:PutLogEvents", "its log group"): "log_rekey",
    Grant("operation rekey", "s3:ListBucket", "lake"): "miss_an_object_to_rekey",
    Grant("operation to_parquet", "logs:CreateLogStream", "its log group"): "log_to_parquet",
    Grant("operation to_parquet", "logs:PutLogEvents", "its log group"): "log_to_parquet",
    Grant("operation to_parquet", "s3:ListBucket", "lake"): "miss_an_object_to_to_parquet",
    Grant("operation forget", "s3:GetObject", "lake/*"): "forget_an_object",
    Grant("operation forget", "s3:GetObjectVersion", "lake/*"): "forget_a_version",
    Grant("operation forget", "s3:DeleteObject", "lake/*"): "forget_an_object",
    Grant("operation rekey", "s3:GetObject", "lake/*"): "rekey_an_object",
    Grant("operation rekey", "s3:GetObjectVersion", "lake/*"): "rekey_a_version",
    Grant("operation rekey", "s3:DeleteObject", "lake/*"): "rekey_an_object",
    Grant("operation rekey", "s3:PutObject", "lake/*"): "rekey_an_object",
    Grant("operation rekey", "s3:GetObjectTagging", "lake/*"): "rekey_an_object",
    Grant("operation rekey", "s3:GetObjectVersionTagging", "lake/*"): "rekey_a_version",
    Grant("operation rekey", "s3:PutObjectTagging", "lake/*"): "rekey_an_object",
    Grant("operation recompress", "s3:GetObject", "lake/*.gz"): "recompress_an_object",
    Grant("operation recompress", "s3:GetObjectVersion", "lake/*.gz"): "recompress_a_version",
    Grant("operation recompress", "s3:DeleteObject", "lake/*.gz"): "recompress_an_object",
    Grant("operation recompress", "s3:GetObjectTagging", "lake/*.gz"): "recompress_an_object",
    Grant("operation recompress", "s3:GetObjectVersionTagging", "lake/*.gz"): "recompress_a_version",
    Grant("operation recompress", "s3:PutObject", "lake/*.gz"): "recompress_it_back",
    Grant("operation recompress", "s3:PutObjectTagging", "lake/*.gz"): "recompress_it_back",
    Grant("operation recompress", "s3:GetObject", "lake/*.zst"): "recompress_it_back",
    Grant("operation recompress", "s3:GetObjectVersion", "lake/*.zst"): "recompress_a_version_back",
    Grant("operation recompress", "s3:DeleteObject", "lake/*.zst"): "recompress_it_back",
    Grant("operation recompress", "s3:GetObjectTagging", "lake/*.zst"): "recompress_it_back",
    Grant("operation recompress", "s3:GetObjectVersionTagging", "lake/*.zst"): "recompress_a_version_back",
    Grant("operation recompress", "s3:PutObject", "lake/*.zst"): "recompress_an_object",
    Grant("operation recompress", "s3:PutObjectTagging", "lake/*.zst"): "recompress_an_object",
    Grant("operation to_parquet", "s3:GetObject", "lake/*.jsonl"): "to_parquet_an_object",
    Grant("operation to_parquet", "s3:GetObjectVersion", "lake/*.jsonl"): "to_parquet_a_version",
    Grant("operation to_parquet", "s3:GetObject", "lake/*.jsonl.gz"): "to_parquet_a_packed_object",
    Grant("operation to_parquet", "s3:GetObjectVersion", "lake/*.jsonl.gz"): "to_parquet_a_packed_version",
    Grant("operation to_parquet", "s3:GetObject", "lake/*.parquet"): "to_parquet_an_object",
    Grant("operation to_parquet", "s3:PutObject", "lake/*.parquet"): "to_parquet_an_object",
    Grant("operation thumbnail", "logs:CreateLogStream", "its log group"): "log_a_thumbnail",
    Grant("operation thumbnail", "logs:PutLogEvents", "its log group"): "log_a_thumbnail",
    Grant("operation thumbnail", "s3:GetObject", "lake/photographs/*"): "make_a_thumbnail",
    Grant("operation thumbnail", "s3:GetObjectVersion", "lake/photographs/*"): "make_a_thumbnail_of_a_version",
    Grant("operation thumbnail", "s3:ListBucket", "lake"): "miss_an_object_to_make_a_thumbnail_of",
    Grant("operation thumbnail", "s3:PutObject", "lake/thumbnails/*"): "make_a_thumbnail",
    Grant("operation verify", "logs:CreateLogStream", "its log group"): "log_a_verification",
    Grant("operation verify", "logs:PutLogEvents", "its log group"): "log_a_verification",
    Grant("operation verify", "s3:GetObject", "lake/*"): "verify_an_object",
    Grant("operation verify", "s3:GetObjectVersion", "lake/*"): "verify_a_version",
    Grant("operation verify", "s3:ListBucket", "lake"): "miss_an_object_to_verify",
    Grant("operator", "athena:GetQueryExecution", "athena:workgroup/brigade-dev"): "ask_athena",
    Grant("operator", "athena:GetQueryResults", "athena:workgroup/brigade-dev"): "ask_athena",
    Grant("operator", "athena:StartQueryExecution", "athena:workgroup/brigade-dev"): "ask_athena",
    Grant("operator", "athena:StopQueryExecution", "athena:workgroup/brigade-dev"): "interrupt_athena",
    Grant("operator", "cloudformation:DescribeStacks", "cloudformation:stack/brigade-dev-*/*"): "find_what_is_deployed",
    Grant("operator", "glue:GetDatabase", "glue:catalog"): "ask_athena",
    Grant("operator", "glue:GetDatabase", "glue:database/brigade_dev"): "ask_athena",
    Grant("operator", "glue:GetTable", "glue:catalog"): "ask_athena",
    Grant("operator", "glue:GetTable", "glue:database/brigade_dev"): "ask_athena",
    Grant("operator", "glue:GetTable", "glue:table/brigade_dev/inventory*"): "ask_athena",
    Grant("operator", "iam:PassRole", "job role"): "verify_an_object",
    Grant("operator", "lambda:InvokeFunction", "lambda:function:brigade-dev-operation-*"): "measure_a_sample",
    Grant("operator", "s3:AbortMultipartUpload", "lake/*/date=*/*.jsonl.gz"): "reset_an_ingest",
    Grant("operator", "s3:AbortMultipartUpload", "lake/*/date=*/*.jsonl.zst"): "give_up_a_key_of_a_zstd_source",
    Grant("operator", "s3:AbortMultipartUpload", "reports/manifests/*"): "give_up_a_long_manifest",
    Grant("operator", "s3:CreateJob", "*"): "verify_an_object",
    Grant("operator", "s3:DeleteObject", "state/*"): "forget",
    Grant("operator", "s3:DescribeJob", "s3:job/*"): "verify_an_object",
    Grant("operator", "s3:GetBucketLocation", "reports"): "ask_athena",
    Grant("operator", "s3:GetObject", "lake/*"): "ingest_from_here_twice",
    Grant("operator", "s3:GetObject", "reports/inventory/*"): "print_rows",
    Grant("operator", "s3:GetObject", "reports/jobs/*"): "verify_an_object",
    Grant("operator", "s3:GetObject", "reports/manifests/*"): "submit_a_manifest",
    Grant("operator", "s3:GetObject", "reports/queries/*"): "ask_athena",
    Grant("operator", "s3:GetObject", "state/*"): "remember",
    Grant("operator", "s3:GetObjectVersion", "state/*"): "look_back",
    Grant("operator", "s3:ListBucket", "lake"): "ingest_from_here_twice",
    Grant("operator", "s3:ListBucket", "reports"): "print_rows",
    Grant("operator", "s3:ListBucket", "state"): "remember",
    Grant("operator", "s3:ListBucketVersions", "state"): "look_back",
    Grant("operator", "s3:ListBucketMultipartUploads", "lake"): "ingest_from_here_twice",
    Grant("operator", "s3:ListJobs", "*"): "change_a_waiting_job",
    Grant("operator", "s3:PutJobTagging", "s3:job/*"): "verify_an_object",
    Grant("operator", "s3:PutObject", "lake/*/date=*/*.jsonl.gz"): "ingest_from_here_twice",
    Grant("operator", "s3:PutObject", "lake/*/date=*/*.jsonl.zst"): "write_a_key_of_a_zstd_source",
    Grant("operator", "s3:PutObject", "reports/manifests/*"): "verify_an_object",
    Grant("operator", "s3:PutObject", "reports/queries/*"): "ask_athena",
    Grant("operator", "s3:PutObject", "state/*"): "remember",
    Grant("operator", "s3:UpdateJobPriority", "s3:job/*"): "change_a_waiting_job",
    Grant("operator", "s3:UpdateJobStatus", "s3:job/*"): "change_a_waiting_job",
    Grant("operator", "states:DescribeExecution", "states:execution:brigade-dev-ingest-*:*"): "run_the_state_machine",
    Grant("operator", "states:StartExecution", "states:stateMachine:brigade-dev-ingest-*"): "run_the_state_machine",
    Grant("schedule of demo", "sqs:SendMessage", "sqs:brigade-dev-ingest-demo-failures"): (
        "keep_a_start_that_failed_in_the_queue"
    ),
    Grant("schedule of demo", "states:StartExecution", "states:stateMachine:brigade-dev-ingest-demo"): (
        "start_by_the_schedule"
    ),
}

NEEDED_FOR |= {
    Grant(holder, f"xray:{action}", "*"): exercise
    for action in ("PutTelemetryRecords", "PutTraceSegments")
    for holder, exercise in {
        "delivery arrived": "trace_a_summary",
        "jobs ended": "trace_the_end_of_a_job",
        "jobs recur": "trace_a_recurring_job",
        "ingest demo": "trace_an_ingest",
        "loop of demo": "trace_the_state_machine",
        "operation forget": "trace_forget",
        "operation recompress": "trace_recompress",
        "operation rekey": "trace_rekey",
        "operation thumbnail": "trace_a_thumbnail",
        "operation to_parquet": "trace_to_parquet",
        "operation verify": "trace_a_verification",
    }.items()
} | {
    Grant("loop of demo", "xray:GetSamplingRules", "*"): "trace_the_state_machine",
    Grant("loop of demo", "xray:GetSamplingTargets", "*"): "trace_the_state_machine",
}

# No source of this repository has a secret; what those grant is shown by tests/local/test_database_deployed.py.
# Each takes seconds: `make grants` takes all of them away in turn, `make test` one of eight.
TAKEN = list(NEEDED_FOR) if os.environ.get("BRIGADE_EVERY_GRANT") else list(NEEDED_FOR)[::8]


@pytest.fixture(scope="module")
def exercises(deployed: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exercises]:
    made = Exercises(deployed, tmp_path_factory.mktemp("exercises"))
    yield made
    made.let_all_end()


@pytest.fixture(scope="module")
def policies(deployed: Deployment) -> Policies:
    return Policies(deployed)


def test_the_stacks_grant_this_and_no_more(policies: Policies) -> None:
    assert policies.grants() == set(NEEDED_FOR)


@pytest.mark.parametrize("exercise", sorted({NEEDED_FOR[grant] for grant in TAKEN}))
def test_with_every_grant_it_works(exercises: Exercises, exercise: str) -> None:
    exercises.succeed(exercise)


@pytest.mark.parametrize("grant", TAKEN, ids=str)
def test_without_a_grant_it_fails(exercises: Exercises, policies: Policies, grant: Grant) -> None:
    with policies.without(grant):
        exercises.fail(NEEDED_FOR[grant])
