"""A stage's settings are whole and possible, or one line says which key is wrong and what it takes."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brigade.errors import SettingsError
from brigade.settings import Settings, load

ROOT = Path(__file__).parents[2]


def stage(**given: Any) -> Settings:
    return load({"stages": {"dev": given}})


def test_an_empty_stage_is_a_whole_one() -> None:
    settings = stage()
    assert settings.stage == "dev"
    assert settings.target == "aws"
    assert settings.removal == "retain", "losing data must be asked for"
    assert settings.inventory.format == "CSV"
    assert settings.retention.logs == 30


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_stages_of_cdk_json_are_good(name: str) -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert load(context, stage=name, target="local").stage == name


def test_prod_keeps_what_dev_throws_away() -> None:
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    assert load(context, stage="dev").removal == "destroy"
    assert load(context, stage="prod").removal == "retain"


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        stage().removal = "destroy"  # type: ignore[misc]  # that it cannot be assigned is what is shown


def test_what_is_given_is_taken_and_the_rest_is_default() -> None:
    settings = stage(inventory={"format": "ORC"}, source_urls={"demo": "http://127.0.0.1:4710"})
    assert (settings.inventory.format, settings.inventory.frequency) == ("ORC", "Daily")
    assert settings.source_urls == {"demo": "http://127.0.0.1:4710"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"colour": "red"}, ".colour: unknown key; there are account, region, removal, encryption,"),
        ({"buckets": [{"name": "abc", "tags": 1}]}, ".buckets[0].tags: unknown key; there are name, operations, key"),
        ({"own_operations": ["tag", "delete"]}, ".own_operations[1]: invalid enum value 'delete'; it takes acl,"),
        ({"retention": {"log": 3}}, ".retention.log: unknown key; did you mean 'logs'?"),
        ({"removal": "keep"}, ".removal: invalid enum value 'keep'; it takes destroy, retain"),
        ({"inventory": {"format": "csv"}}, ".inventory.format: invalid enum value 'csv'; it takes CSV, ORC, Parquet"),
        ({"retention": {"logs": 31}}, ".retention.logs: invalid enum value 31; it takes 1, 3, 5, 7, 14, 30,"),
        ({"retention": {"logs": "30"}}, ".retention.logs: "),
        ({"retention": {"deliveries": 0}}, ".retention.deliveries: expected `int` >= 1"),
        ({"retention": {"deliveries": True}}, ".retention.deliveries: expected `int`, got `bool`"),
        ({"retention": 30}, ".retention: expected `object`, got `int`"),
        ({"account": "123"}, r".account: expected `str` matching regex '^\\d{12}\\Z'"),
        ({"region": "Frankfurt"}, ".region: expected `str` matching regex"),
        ({"query_scan_limit_gib": 0}, ".query_scan_limit_gib: expected `int` >= 1"),
        ({"alarms": {"email": "nobody"}}, ".alarms.email: expected `str` matching regex"),
        ({"inventory": {"prefix": "inventory/"}}, ".inventory.prefix: expected `str` matching regex"),
        ({"inventory": {"prefix": "jobs/x"}}, ".inventory: prefix is 'jobs/x'; jobs, manifests, queries hold other"),
        ({"inventory": {"since": "2026-02-30-00-00"}}, ".inventory: since is '2026-02-30-00-00'; it takes an hour"),
        ({"inventory": {"since": "2026-11-01-00-30"}}, ".inventory.since: expected `str` matching regex"),
        ({"source_urls": {"demo": "localhost"}}, ": source_urls.demo takes http(s)://host[:port][/path]"),
        ({"target": "local"}, ".target: not set here, but by -c target="),
        ({"stage": "prod"}, ".stage: not set here, but by -c stage="),
    ],
)
def test_a_mistake_names_the_key_and_what_it_takes(given: dict[str, Any], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        stage(**given)
    message = str(caught.value)
    assert message.startswith(f"cdk.json: context.stages.dev{says}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("context", "asked", "says"),
    [
        ({}, {}, "context.stages must be an object"),
        ({"stages": []}, {}, "context.stages must be an object"),
        ({"stages": {"dev": {}, "prod": {}}}, {"stage": "test"}, "no stage 'test' in context.stages; it has dev, prod"),
        ({"stages": {"dev": 1}}, {}, "context.stages.dev must be an object"),
        ({"stages": {"Dev!": {}}}, {"stage": "Dev!"}, "context.stages.Dev!.stage: expected `str` matching regex"),
        ({"stages": {"dev": {}}}, {"target": "azure"}, "target=azure: the target is one of aws, local"),
    ],
)
def test_a_stage_or_target_that_is_not_there(context: dict[str, Any], asked: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(context, **asked)
    assert says in str(caught.value)
    assert caught.value.exit_status == 2


def test_a_setting_is_documented_by_its_type_alone() -> None:
    """Every field has a default but the stage, so that a new setting never breaks a stage that does not know it."""
    fields = msgspec.structs.fields(Settings)
    assert [field.name for field in fields if field.required] == ["stage"]
