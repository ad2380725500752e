"""All stacks of one stage: eight, one more for existing buckets, and one more for a database."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, Environment

from brigade.errors import SettingsError
from brigade.ingest.declare.source import BaseSource
from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring, validate_recurring
from brigade.settings import Settings
from stacks.batch_operations import BatchOperationsStack
from stacks.catalog import CatalogStack
from stacks.database import DatabaseStack
from stacks.existing_buckets import ExistingBucketsStack
from stacks.ingest import IngestStack
from stacks.inventory import InventoryStack
from stacks.jobs import JobsStack
from stacks.monitoring import MonitoringStack
from stacks.operator import OperatorStack
from stacks.parts import nag
from stacks.storage import StorageStack


def add_stage(
    app: App,
    *,
    settings: Settings,
    sources: Mapping[str, BaseSource],
    operations: Mapping[str, Operation],
    recurring: Mapping[str, Recurring],
    root: Path,
) -> None:
    """Add the stacks of a stage to `app`. The synth then fails for each security finding that is not accepted.

    Args:
        app: The app.
        settings: The settings of the stage.
        sources: The declared sources, by name. One with `local_only` is not deployed to AWS.
        operations: The declared operations, by name.
        recurring: The declared recurring jobs, by name.
        root: The root folder of the repository, which contains the code of the functions.

    Raises:
        SettingsError: The settings name a source or an operation that is not declared.
    """
    env = Environment(account=settings.account, region=settings.region)
    deployed = {name: source for name, source in sources.items() if settings.target == "local" or not source.local_only}
    _check_names(settings, sources, operations)
    storage = StorageStack(app, settings=settings, env=env)
    CatalogStack(app, settings=settings, storage=storage, env=env)
    IngestStack(app, settings=settings, storage=storage, sources=deployed, root=root, env=env)
    batch = BatchOperationsStack(app, settings=settings, storage=storage, operations=operations, root=root, env=env)
    OperatorStack(app, settings=settings, storage=storage, job_role=batch.job_role, env=env)
    InventoryStack(app, settings=settings, storage=storage, root=root, env=env)
    if settings.buckets:
        ExistingBucketsStack(app, settings=settings, storage=storage, root=root, env=env)
    if settings.database:
        DatabaseStack(app, settings=settings, database=settings.database, root=root, env=env)
    monitoring = MonitoringStack(app, settings=settings, sources=list(deployed), operations=list(operations), env=env)
    JobsStack(
        app,
        settings=settings,
        storage=storage,
        job_role=batch.job_role,
        topic=monitoring.topic,
        operations=operations,
        recurring=validate_recurring(recurring, operations),
        root=root,
        env=env,
    )
    nag.check(app)


def _check_names(settings: Settings, sources: Mapping[str, BaseSource], operations: Mapping[str, Operation]) -> None:
    """Raise SettingsError if the settings name a source or an operation that is not declared."""
    unknown = sorted(settings.source_urls.keys() - sources.keys())
    if unknown:
        raise SettingsError(
            f"cdk.json: context.stages.{settings.stage}.source_urls.{unknown[0]}: no such source; "
            f"there are {', '.join(sources) or 'none'}"
        )
    for bucket in settings.buckets:
        undeclared = sorted(bucket.operations.keys() - operations.keys())
        if undeclared:
            raise SettingsError(
                f"cdk.json: context.stages.{settings.stage}.buckets: {bucket.name}: no operation {undeclared[0]}; "
                f"there are {', '.join(operations) or 'none'}"
            )
