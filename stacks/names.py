"""The physical names of what a person meets by name, or what another stack must know without importing it.

A stack that imports another's output pins it: removing a source or an operation would then fail to deploy, because the
output is still in use. So the operator's policy, the dashboard and the alarms name these instead.
"""

POSTGREST = "postgrest"
"""The ECS service that serves the database; its cluster has the stage's name."""


def stack(stage: str, noun: str) -> str:
    """The CloudFormation stack ``brigade-dev-storage``."""
    return f"brigade-{stage}-{noun}"


def database(stage: str) -> str:
    """The Glue database, which Athena takes unquoted: no hyphen."""
    return f"brigade_{stage.replace('-', '_')}"


def workgroup(stage: str) -> str:
    """The Athena workgroup."""
    return f"brigade-{stage}"


def ingest(stage: str, source: str) -> str:
    """The function and the state machine of a source; with ``*`` as the source, a pattern for all of them."""
    return f"brigade-{stage}-ingest-{source}"


def ingest_failures(stage: str, source: str) -> str:
    """The dead-letter queue of a source."""
    return f"brigade-{stage}-ingest-{source}-failures"


def operation(stage: str, name: str) -> str:
    """The function of an operation."""
    return f"brigade-{stage}-operation-{name}"


def inventory_arrived(stage: str) -> str:
    """The function that summarizes a delivery."""
    return f"brigade-{stage}-inventory-arrived"


def rotation(stage: str) -> str:
    """The function that rotates the database's password."""
    return f"brigade-{stage}-database-rotate"


def cluster(stage: str) -> str:
    """The ECS cluster of what runs beside the database."""
    return f"brigade-{stage}"


def jobs(stage: str, what: str) -> str:
    """The function that ``recur``s jobs, or that is told when one has ``ended``."""
    return f"brigade-{stage}-jobs-{what}"


def schedules(stage: str) -> str:
    """The group of the sources' schedules."""
    return f"brigade-{stage}"


def dashboard(stage: str) -> str:
    """The dashboard."""
    return f"brigade-{stage}"


def metrics(stage: str) -> str:
    """The namespace of the metrics, so that two stages of one account do not add up."""
    return f"Brigade/{stage}"


def output(prefix: str, name: str) -> str:
    """The output of a declaration: ``Ingest`` and ``my_api`` → ``IngestMyApi``."""
    return prefix + "".join(word.capitalize() for word in name.split("_"))
