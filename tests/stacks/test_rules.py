"""Templates that CloudFormation takes and that the security rules pass, with exceptions that are few and say why."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from syrupy.assertion import SnapshotAssertion

from brigade.settings import Settings
from stacks.parts.permissions import allow
from stacks.stage import add_stage
from tests.stacks.conftest import CONTEXT, NOUNS, ROOT, Stage

pytestmark = pytest.mark.process


def violations(app: App) -> list[str]:
    report = AwsSolutionsChecks().validate_scope(app)
    return [
        f"{found.rule_name} {resource.construct_path}"
        for found in report.violations
        for resource in found.violating_resources
    ]


@pytest.mark.parametrize("target", ["aws", "local"])
@pytest.mark.parametrize("which", ["dev", "prod"])
def test_no_rule_is_broken_that_nobody_has_taken_exception_to(stage: Stage, which: str, target: str) -> None:
    assert violations(stage(which, target).app) == []


def test_the_rules_run_in_synth(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), analytics_reporting=False, context=dict(CONTEXT))
    add_stage(app, settings=Settings(stage="dev"), sources={}, operations={}, recurring={}, root=ROOT)
    role = iam.Role(Stack(app, "S"), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    allow(role, ["s3:GetObject"], ["arn:aws:s3:::two/*"])
    with pytest.raises(RuntimeError, match=r"AwsSolutions-IAM5\[Resource::arn:aws:s3:::two/\*\]"):
        app.synth()


def test_the_rules_see_a_wildcard_without_a_reason_and_let_one_pass_with_it() -> None:
    app = App(analytics_reporting=False)
    role = iam.Role(Stack(app, "S"), "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    allow(role, ["s3:GetObject"], ["arn:aws:s3:::one/*"], because="It is public.")
    assert violations(app) == []
    allow(role, ["s3:GetObject"], ["arn:aws:s3:::two/*"])
    assert violations(app) == ["AwsSolutions-IAM5[Resource::arn:aws:s3:::two/*] S/Role/DefaultPolicy/Resource"]


def test_an_exception_is_of_one_rule_and_gives_a_reason(stage: Stage) -> None:
    taken = re.compile(r"^(annotation::)?AwsSolutions-(S1|L1|SQS3|SF1|IAM5\[Resource::.*\])$", re.IGNORECASE)
    found = 0
    for construct in stage("prod", "aws").app.node.find_all():
        for entry in construct.node.metadata:
            for rule, reason in (entry.data if "acknowledge" in entry.type.lower() else {}).items():
                assert taken.match(rule), f"{construct.node.path}: {rule}"
                assert len(reason.split()) > 5, f"{construct.node.path}: {rule}: {reason}"
                found += 1
    assert found > 10, "the exceptions were looked for in the wrong place"


def test_cloudformation_takes_the_templates(stage: Stage) -> None:
    templates = [
        str(made.folder / f"brigade-{made.settings.stage}-{noun}.template.json")
        for made in (stage("dev", "aws"), stage("prod", "aws"))
        for noun in NOUNS
    ]
    # W3005: CDK names a dependency that a reference implies already; both say the same.
    done = subprocess.run(
        [ROOT / ".venv/bin/cfn-lint", "--ignore-checks", "W3005", "--", *templates],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def masked(template: dict[str, Any]) -> Any:
    """Without what changes with any line of code: the hashes of assets, and of what CDK makes them of."""
    text = re.sub(r"[0-9a-f]{64}", "HASH", json.dumps(template))
    return json.loads(text)


@pytest.mark.parametrize("noun", NOUNS)
def test_a_stack_changes_only_on_purpose(stage: Stage, noun: str, snapshot: SnapshotAssertion) -> None:
    """Run with ``--snapshot-update`` after a change that is meant, and read the difference as the deploy's plan."""
    assert masked(stage("prod", "aws").template(noun)) == snapshot
