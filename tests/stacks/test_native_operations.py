"""The jobs' role may do what the stage's settings say of S3's own operations, on the lake, and nothing without them."""

from pathlib import Path
from typing import Any, get_args

import pytest
from aws_cdk import App, Environment

from brigade.errors import SettingsError
from brigade.settings import OwnOperation, load
from stacks.batch_operations import BatchOperationsStack
from stacks.parts.native_operations import REQUIRED_ACTIONS
from stacks.storage import StorageStack
from tests.stacks.conftest import Synthesized


def job_role(folder: Path, *operations: str) -> set[str]:
    """The actions of the jobs' role on the lake."""
    settings = load({"stages": {"dev": {"own_operations": list(operations)}}})
    app = App(outdir=str(folder), analytics_reporting=False)
    storage = StorageStack(app, settings=settings, env=Environment())
    BatchOperationsStack(app, settings=settings, storage=storage, operations={}, root=Path("unused"), env=Environment())
    app.synth()
    made = Synthesized(app, folder, settings).one("batch-operations", "AWS::IAM::Policy", "JobRole")
    found: set[str] = set()
    for statement in made["PolicyDocument"]["Statement"]:
        if "Lake" in str(statement["Resource"]):
            actions: Any = statement["Action"]
            found |= {actions} if isinstance(actions, str) else set(actions)
    return found


def test_without_them_the_role_may_do_nothing_to_objects(tmp_path: Path) -> None:
    assert job_role(tmp_path) == {"s3:PutInventoryConfiguration"}


def test_each_gives_its_own_actions_and_no_other(tmp_path: Path) -> None:
    for name, needs in REQUIRED_ACTIONS.items():
        assert job_role(tmp_path / name, name) - {"s3:PutInventoryConfiguration"} == {*needs.objects, *needs.bucket}


def test_every_operation_has_its_needs() -> None:
    assert set(REQUIRED_ACTIONS) == set(get_args(OwnOperation))


def test_one_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"own_operations\[0\].*it takes acl, checksum, copy"):
        load({"stages": {"dev": {"own_operations": ["delete"]}}})
