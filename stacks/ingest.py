"""The ingest stack: the resources that copy each source into the lake."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import App, CfnOutput, Environment, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler

from brigade import names
from brigade.ingest.declare.source import BaseSource
from brigade.settings import Settings
from stacks.parts.ingest import Ingest, allow_secrets
from stacks.parts.package import Package
from stacks.storage import StorageStack


class IngestStack(Stack):
    """For each source, a function, a state machine that runs it to completion, a schedule and a dead-letter queue."""

    def __init__(
        self,
        scope: App,
        *,
        settings: Settings,
        storage: StorageStack,
        sources: Mapping[str, BaseSource],
        root: Path,
        env: Environment,
    ) -> None:
        """Create the stack.

        Args:
            scope: The app.
            settings: The settings of the stage.
            storage: The storage stack of the stage.
            sources: The sources of this stage, by name.
            root: The root folder of the repository, which contains the code of the functions.
            env: The account and region to deploy to.
        """
        super().__init__(
            scope, names.stack(settings.stage, "ingest"), env=env, description="Bucket Brigade: scheduled ingests"
        )
        self.add_stack_dependency(storage)
        # CloudFormation refuses a stack without resources, and a stage may have no source.
        schedules = scheduler.ScheduleGroup(
            self,
            "Schedules",
            schedule_group_name=names.schedules(settings.stage),
            removal_policy=RemovalPolicy.DESTROY,
        )
        for name, source in sources.items():
            ingest = Ingest(
                self,
                name,
                name=name,
                source=source,
                buckets=storage.buckets,
                package=Package.of_source(root, settings.target, name),
                schedules=schedules,
                settings=settings,
            )
            CfnOutput(self, names.output("Ingest", name), value=ingest.state_machine.state_machine_arn)
        self._let_persons_read_secrets(settings, [source for source in sources.values() if source.secrets])

    def _let_persons_read_secrets(self, settings: Settings, sources: Sequence[BaseSource]) -> None:
        """Make the policy for who tries sources by the command with the secrets that these declare.

        The operator's policy does not have this: an operator needs no secret of an API or a database.
        """
        if not sources:
            return
        policy = iam.ManagedPolicy(
            self, "SourceSecrets", description=f"Read what the sources of the stage {settings.stage} log in with"
        )
        for source in sources:
            allow_secrets(policy, source)
        CfnOutput(self, "SourceSecretsPolicyArn", value=policy.managed_policy_arn)
