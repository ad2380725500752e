"""The jobs stack: functions that report jobs that end and create recurring jobs, without a person."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, Environment, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from brigade import names
from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring
from brigade.settings import Settings
from stacks.parts.job_events import JobEndHandler
from stacks.parts.recurring_jobs import RecurringJobs
from stacks.storage import StorageStack


class JobsStack(Stack):
    """A function that measures each job that ends and reports failed tasks, and one that creates recurring jobs.

    The second function exists only where recurring jobs are declared.
    """

    def __init__(
        self,
        scope: App,
        *,
        settings: Settings,
        storage: StorageStack,
        job_role: iam.IRole,
        topic: sns.ITopic,
        operations: Mapping[str, Operation],
        recurring: Mapping[str, Recurring],
        root: Path,
        env: Environment,
    ) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            storage: The storage stack of the stage.
            job_role: The role of the stage's jobs.
            topic: The topic to notify.
            operations: The declared operations, by name.
            recurring: The declared recurring jobs, by name.
            root: The root folder of the repository, which contains the code of the functions.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope, names.stack(settings.stage, "jobs"), env=env, description="Bucket Brigade: handlers of jobs"
        )
        buckets = storage.buckets
        JobEndHandler(self, "Ended", settings=settings, buckets=buckets, job_role=job_role, topic=topic, root=root)
        if recurring:
            RecurringJobs(
                self,
                "Recurring",
                settings=settings,
                buckets=buckets,
                job_role=job_role,
                topic=topic,
                operations=operations,
                recurring=recurring,
                root=root,
            )
