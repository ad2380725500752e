"""The jobs stack: what is done about jobs with nobody watching."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring as Declared
from brigade.settings import Settings
from stacks import names
from stacks.parts.ended import Ended
from stacks.parts.recurring_jobs import Recurring
from stacks.storage import StorageStack


class JobsStack(Stack):
    """The end of a job is measured and, where something failed, told; jobs that are declared to recur are made."""

    def __init__(
        self,
        scope: App,
        *,
        settings: Settings,
        storage: StorageStack,
        job_role: iam.IRole,
        topic: sns.ITopic,
        operations: Mapping[str, Operation],
        recurring: Mapping[str, Declared],
        root: Path,
        env: Environment,
    ) -> None:
        """Arguments: ``topic``, which is told; ``root``, the repository, of which the functions' packages are made."""
        super().__init__(scope, names.stack(settings.stage, "jobs"), env=env, description="Bucket Brigade: jobs go on")
        Ended(
            self,
            "Ended",
            settings=settings,
            reports=storage.reports,
            key=storage.key,
            job_role=job_role,
            topic=topic,
            root=root,
        )
        if recurring:
            Recurring(
                self,
                "Recurring",
                settings=settings,
                buckets=[storage.lake, storage.reports, storage.state],
                key=storage.key,
                job_role=job_role,
                topic=topic,
                operations=operations,
                recurring=recurring,
                root=root,
            )
