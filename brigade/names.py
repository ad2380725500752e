"""The physical names of resources that people use, or that code or another stack refers to without an import.

CloudFormation refuses to delete an output that another stack imports, so an imported source or operation could not be
removed. The operator's policy, the dashboard, the alarms and the command use these names instead.
"""

from typing import Literal

StackNoun = Literal[
    "storage",
    "catalog",
    "ingest",
    "batch-operations",
    "operator",
    "inventory",
    "existing",
    "database",
    "monitoring",
    "jobs",
]
"""The stacks of a stage. `existing` and `database` depend on its settings."""
POSTGREST = "postgrest"
"""Name of the ECS service of PostgREST."""
INVENTORY_SUMMARIZED = "Inventory Summarized"
"""The detail type of the event that follows the summary of a delivery."""


def stack(stage: str, noun: StackNoun | Literal["*"]) -> str:
    """Return the name of a CloudFormation stack, such as `brigade-dev-storage`. `*` as the noun returns a pattern."""
    return f"brigade-{stage}-{noun}"


def event_source(stage: str) -> str:
    """Return the source of the events that a stage sends to EventBridge."""
    return f"brigade.{stage}"


def database(stage: str) -> str:
    """Return the name of the Glue database. It has no hyphen, so that SQL needs no quotes for it."""
    return f"brigade_{stage.replace('-', '_')}"


def workgroup(stage: str) -> str:
    """Return the name of the Athena workgroup."""
    return f"brigade-{stage}"


def ingest(stage: str, source: str) -> str:
    """Return the name of the function and of the state machine of a source. `*` as the source returns a pattern."""
    return f"brigade-{stage}-ingest-{source}"


def ingest_failures(stage: str, source: str) -> str:
    """Return the name of the dead-letter queue of a source."""
    return f"brigade-{stage}-ingest-{source}-failures"


def operation(stage: str, name: str) -> str:
    """Return the name of the function of an operation. `*` as the name returns a pattern."""
    return f"brigade-{stage}-operation-{name}"


def ingest_service(source: str) -> str:
    """Return the name under which the function of a source writes logs and metrics."""
    return f"ingest-{source}"


def operation_service(name: str) -> str:
    """Return the name under which the function of an operation writes logs and metrics."""
    return f"operation-{name}"


def inventory_arrived(stage: str) -> str:
    """Return the name of the function that summarizes deliveries."""
    return f"brigade-{stage}-inventory-arrived"


def inventory_configure(stage: str) -> str:
    """Return the name of the function that configures inventories of existing buckets."""
    return f"brigade-{stage}-inventory-configure"


def rotation(stage: str) -> str:
    """Return the name of the function that rotates the password of the database."""
    return f"brigade-{stage}-database-rotate"


def cluster(stage: str) -> str:
    """Return the name of the ECS cluster of PostgREST."""
    return f"brigade-{stage}"


def jobs(stage: str, module: str) -> str:
    """Return the name of the function of a module in `lambdas/jobs`: `recur` or `ended`."""
    return f"brigade-{stage}-jobs-{module}"


def schedules(stage: str) -> str:
    """Return the name of the schedule group of the sources."""
    return f"brigade-{stage}"


def dashboard(stage: str) -> str:
    """Return the name of the CloudWatch dashboard."""
    return f"brigade-{stage}"


def metrics(stage: str) -> str:
    """Return the namespace of the metrics. Each stage has its own, so that metrics of two stages do not mix."""
    return f"Brigade/{stage}"


def output(prefix: str, name: str) -> str:
    """Return the name of the output of a declaration: `IngestMyApi` for `Ingest` and `my_api`."""
    return prefix + "".join(word.capitalize() for word in name.split("_"))
