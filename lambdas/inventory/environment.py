"""The environment variables of the function that summarizes deliveries."""

from dataclasses import dataclass

from lambdas.environment import FunctionEnvironment


@dataclass(frozen=True, kw_only=True)
class DeliveryEnvironment(FunctionEnvironment):
    """The environment variables of the function that summarizes deliveries.

    Attributes:
        stage: The name of the stage.
        lake_bucket: The name of the lake bucket.
        state_bucket: The name of the state bucket.
        database: The name of the Glue database with the tables over the deliveries.
        workgroup: The name of the Athena workgroup.
    """

    stage: str
    lake_bucket: str
    state_bucket: str
    database: str
    workgroup: str
