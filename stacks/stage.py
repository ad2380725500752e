"""A whole stage: its eight stacks, wired, and one more each for existing buckets and for a database."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import App, Environment

from brigade.errors import SettingsError
from brigade.ingest.feed import Feed
from brigade.operations.operation import Operation
from brigade.operations.recurring import Recurring, checked
from brigade.settings import Settings
from stacks.batch_operations import BatchOperationsStack
from stacks.catalog import CatalogStack
from stacks.database import DatabaseStack
from stacks.existing_buckets import ExistingStack
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
    sources: Mapping[str, Feed],
    operations: Mapping[str, Operation],
    recurring: Mapping[str, Recurring],
    root: Path,
) -> None:
    """Add the stacks of the stage to ``app``, with every security rule that has no accepted exception checked in synth.

    Arguments: ``sources``, ``operations`` and ``recurring``, what is declared, by name; a source that is for this
    machine only is left out of a deployment to AWS. ``root``, the repository, of which the functions' packages are
    made.

    Fails with SettingsError when the settings name a source or an operation that is not declared.
    """
    env = Environment(account=settings.account, region=settings.region)
    here = {name: source for name, source in sources.items() if settings.target == "local" or not source.local_only}
    _refuse_strangers(settings, sources, operations)
    storage = StorageStack(app, settings=settings, env=env)
    CatalogStack(app, settings=settings, storage=storage, env=env)
    IngestStack(app, settings=settings, storage=storage, sources=here, root=root, env=env)
    batch = BatchOperationsStack(app, settings=settings, storage=storage, operations=operations, root=root, env=env)
    OperatorStack(app, settings=settings, storage=storage, job_role=batch.job_role, env=env)
    InventoryStack(app, settings=settings, storage=storage, root=root, env=env)
    if settings.buckets:
        ExistingStack(app, settings=settings, storage=storage, root=root, env=env)
    if settings.database:
        DatabaseStack(app, settings=settings, database=settings.database, root=root, env=env)
    monitoring = MonitoringStack(app, settings=settings, sources=list(here), operations=list(operations), env=env)
    JobsStack(
        app,
        settings=settings,
        storage=storage,
        job_role=batch.job_role,
        topic=monitoring.topic,
        operations=operations,
        recurring=checked(recurring, operations),
        root=root,
        env=env,
    )
    nag.check(app)


def _refuse_strangers(settings: Settings, sources: Mapping[str, Feed], operations: Mapping[str, Operation]) -> None:
    """Fail with SettingsError where the settings name what is not declared."""
    unknown = sorted(settings.source_urls.keys() - sources.keys())
    if unknown:
        raise SettingsError(
            f"cdk.json: context.stages.{settings.stage}.source_urls.{unknown[0]}: no such source; "
            f"there are {', '.join(sources) or 'none'}"
        )
    for bucket in settings.buckets:
        strange = sorted(bucket.operations.keys() - operations.keys())
        if strange:
            raise SettingsError(
                f"cdk.json: context.stages.{settings.stage}.buckets: {bucket.name}: no operation {strange[0]}; "
                f"there are {', '.join(operations) or 'none'}"
            )
