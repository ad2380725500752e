"""The environment variables of the functions that handle events of jobs."""

from dataclasses import dataclass

from lambdas.environment import FunctionEnvironment


@dataclass(frozen=True, kw_only=True)
class JobEnvironment(FunctionEnvironment):
    """The environment variables of each function that handles events of jobs.

    Attributes:
        stage: The name of the stage.
        reports_bucket: The name of the reports bucket.
        job_role: The ARN of the role of the stage's jobs.
        alarm_topic: The ARN of the SNS topic to notify.
    """

    stage: str
    reports_bucket: str
    job_role: str
    alarm_topic: str


@dataclass(frozen=True, kw_only=True)
class RecurEnvironment(JobEnvironment):
    """The environment variables of the function that creates the recurring jobs.

    Attributes:
        lake_bucket: The name of the lake bucket.
        state_bucket: The name of the state bucket.
        inventory_prefix: The prefix of the deliveries in the reports bucket.
        inventory_id: The id of the inventory configuration.
        database: The name of the Glue database with the table over the deliveries.
        table: The name of that table.
        workgroup: The name of the Athena workgroup.
        operation_arn: The ARN of the function of an operation, without the operation's name at the end.
        operations: JSON: `memory_mib` and `price` of each operation that a recurring job uses, by name.
    """

    lake_bucket: str
    state_bucket: str
    inventory_prefix: str
    inventory_id: str
    database: str
    table: str
    workgroup: str
    operation_arn: str
    operations: str
