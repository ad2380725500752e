"""The state machine of an ingest: which state follows which answer of the function."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template
from constructs import Node

from brigade import errors
from stacks.parts.ingest_state_machine import FINAL_ERRORS, IngestStateMachine
from tests.stacks.conftest import Stage, Synthesized


def definition(made: Synthesized, part: str = "") -> dict[str, Any]:
    """The state machine, with each token as ``<logical id>``."""
    written = made.one("ingest", "AWS::StepFunctions::StateMachine", part)["DefinitionString"]["Fn::Join"][1]
    text = "".join(piece if isinstance(piece, str) else f"<{next(iter(piece.values()))}>" for piece in written)
    machine: dict[str, Any] = json.loads(text)
    return machine


def chosen(choice: dict[str, Any], data: dict[str, Any]) -> bool:
    name = choice["Variable"].removeprefix("$.")
    return name in data if "IsPresent" in choice else bool(data[name] == choice["StringEquals"])


def walk(machine: dict[str, Any], answers: list[dict[str, Any] | str], event: dict[str, Any]) -> tuple[str, list[Any]]:
    """Run the machine: each visit of ``Run`` takes the next answer or error. Gives its end; calls and waits."""
    name, data = machine["StartAt"], dict(event)
    calls: list[Any] = []
    while True:
        state = machine["States"][name]
        match state["Type"]:
            case "Task" if name == "Run":
                assert state["Parameters"] == {"execution.$": "$$.Execution.Id", "event.$": "$"}
                calls.append(dict(data))
                answer = answers.pop(0)
                if isinstance(answer, str):
                    catch = state["Catch"][0]
                    assert catch["ResultPath"] == "$.failure"
                    data["failure"], name = {"Error": answer, "Cause": "…"}, catch["Next"]
                    continue
                data = dict(answer)
            case "Task":
                data[state["ResultPath"].removeprefix("$.")] = {"MessageId": "…"}
                calls.append(state["Parameters"]["MessageBody"])
            case "Choice":
                taken = (each for each in state["Choices"] if chosen(each, data))
                name = next((each["Next"] for each in taken), state["Default"])
                continue
            case "Wait":
                calls.append(data[state["TimestampPath"].removeprefix("$.")])
            case "Pass":
                data = {
                    key.removesuffix(".$"): data[path.removeprefix("$.")] for key, path in state["Parameters"].items()
                }
            case end:
                if end == "Fail":
                    assert (state["ErrorPath"], state["CausePath"]) == ("$.failure.Error", "$.failure.Cause")
                    assert data["failure"].keys() == {"Error", "Cause"}, "the failure must still be there to be named"
                return end, calls
        name = state["Next"]


def test_it_goes_round_with_the_same_date_while_there_is_more(stage: Stage) -> None:
    machine = definition(stage(), "myapi")
    more, done = {"outcome": "more", "date": "2026-11-22", "replace": True, "pages": 9}, {"outcome": "published"}
    end, calls = walk(machine, [more, more, done], {"scheduled": "2026-11-22T05:15:00Z"})
    assert end == "Succeed"
    again = {"date": "2026-11-22", "replace": True}
    assert calls == [{"scheduled": "2026-11-22T05:15:00Z"}, again, again]


def test_a_long_pause_is_waited_for_between_two_calls(stage: Stage) -> None:
    wait = {"outcome": "wait", "date": "2026-11-22", "replace": False, "until": "2026-11-22T06:00:00.000Z"}
    done = {"outcome": "published", "date": "2026-11-22"}
    end, calls = walk(definition(stage(), "myapi"), [wait, done], {})
    assert (end, calls) == ("Succeed", [{}, "2026-11-22T06:00:00.000Z", {"date": "2026-11-22", "replace": False}])


def test_what_was_published_already_is_done(stage: Stage) -> None:
    end, calls = walk(definition(stage(), "myapi"), [{"outcome": "already_published", "date": "2026-11-22"}], {})
    assert (end, calls) == ("Succeed", [{}])


def test_what_fails_for_good_is_kept_with_its_input_and_ends_failed(stage: Stage) -> None:
    made = stage()
    machine = definition(made, "myapi")
    end, (_, kept) = walk(machine, ["InvalidData"], {"date": "2026-11-22"})
    assert end == "Fail"
    assert kept == {
        "execution.$": "$$.Execution.Id",
        "input.$": "$$.Execution.Input",
        "error.$": "$.failure.Error",
        "cause.$": "$.failure.Cause",
    }
    (queue,) = (name for name in made.all("ingest", "AWS::SQS::Queue") if name.startswith("myapi"))
    assert machine["States"]["Queue the failure"]["Parameters"]["QueueUrl"] == f"<{queue}>"


def test_a_crash_is_tried_again_and_what_would_fare_no_better_is_not(stage: Stage) -> None:
    final, rest = definition(stage(), "myapi")["States"]["Run"]["Retry"]
    assert final == {"ErrorEquals": list(FINAL_ERRORS), "MaxAttempts": 0}
    assert rest["ErrorEquals"] == ["States.ALL"]
    assert rest["MaxAttempts"] >= 3
    assert rest["BackoffRate"] > 1
    # Lambda names an error by its class; a class of another name would be retried for nothing.
    assert all(issubclass(getattr(errors, name), errors.BrigadeError) for name in FINAL_ERRORS)
    assert "RetryLater" not in FINAL_ERRORS


def test_many_dates_are_each_an_execution_that_goes_the_same_way(stage: Stage) -> None:
    machine = definition(stage(), "myapi")["States"]
    choice = machine["One date or many?"]["Choices"][0]
    assert chosen(choice, {"dates": [], "concurrency": 1})
    each = machine[choice["Next"]]
    assert each["MaxConcurrencyPath"] == "$.concurrency"
    assert each["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = json.loads(json.dumps(each["ItemProcessor"]).replace(", of many", ""))
    assert processor["StartAt"] == "Run"
    inner, ends = processor["States"], {"Done", "Failed"}
    assert {name: inner[name] for name in inner.keys() - ends} == {
        name: machine[name] for name in machine.keys() - ends - {"One date or many?", "Each date"}
    }
    assert [inner[end]["End"] for end in sorted(ends)] == [True, True]  # one date's failure is not the others'


def state_machine_template(partitions: int) -> Template:
    """The template of a state machine alone, for a source with so many partitions."""
    stack = Stack(App(), "stack")
    function = lambda_.Function.from_function_arn(stack, "Function", "arn:aws:lambda:eu-west-1:1:function:f")
    failures = sqs.Queue(stack, "Failures")
    IngestStateMachine(stack, "Loop", name="orders", function=function, failures=failures, partitions=partitions)
    return Template.from_stack(stack)


def looped(partitions: int) -> dict[str, Any]:
    """The machine of a source with so many partitions."""
    (made,) = state_machine_template(partitions).find_resources("AWS::StepFunctions::StateMachine").values()
    written = made["Properties"]["DefinitionString"]["Fn::Join"][1]
    machine: dict[str, Any] = json.loads("".join(piece if isinstance(piece, str) else "<token>" for piece in written))
    return machine


def test_the_partitions_of_a_date_are_each_run_to_their_end_and_the_date_again() -> None:
    states = looped(4)["States"]
    answer = {"outcome": "partitions", "date": "2026-11-22", "replace": False, "partitions": ["1", "2"]}
    choice = next(each for each in states["Is there more?"]["Choices"] if chosen(each, answer))
    each = states[choice["Next"]]
    assert each["Type"] == "Map"
    assert each["ItemsPath"] == "$.partitions"
    assert each["ItemSelector"] == {"date.$": "$.date", "partition.$": "$$.Map.Item.Value"}
    assert each["MaxConcurrency"] == 8
    assert (each["ResultPath"], each["Next"]) == ("$.ended", "Continue the date")
    assert each["Catch"] == states["Run"]["Catch"]
    inner = each["ItemProcessor"]["States"]
    run = inner[each["ItemProcessor"]["StartAt"]]
    assert run["Retry"] == states["Run"]["Retry"]
    event = {"date.$": "$.date", "partition.$": "$.partition"}
    assert run["Parameters"] == {"execution.$": "$$.Execution.Id", "event": event}
    assert run["ResultPath"] == "$.answer", "the partition must still be there to be run again"
    again = {choice["StringEquals"]: choice["Next"] for choice in inner[run["Next"]]["Choices"]}
    assert again == {"more": "Run the partition", "wait": "Wait for the database"}
    assert inner["Wait for the database"]["Next"] == "Run the partition"
    assert inner[inner[run["Next"]]["Default"]]["End"] is True


def names(part: Any) -> Iterator[str]:
    """The states of a machine, those of its maps too."""
    if isinstance(part, dict):
        for key, inner in part.items():
            yield from inner if key == "States" else ()
            yield from names(inner)


@pytest.mark.parametrize("partitions", [1, 4])
def test_a_name_of_a_state_stands_once_in_the_whole_machine(partitions: int) -> None:
    """Else AWS refuses it: https://states-language.net/spec.html#toplevelfields"""
    found = list(names(looped(partitions)))
    assert len(found) == len(set(found)) > 10


def test_the_message_of_a_failure_is_sent_in_the_partition_of_the_stack(stage: Stage) -> None:
    sent = definition(stage(), "myapi")["States"]["Queue the failure"]["Resource"]
    assert sent == "arn:<AWS::Partition>:states:::sqs:sendMessage"


def allowed(template: Template) -> set[tuple[str, str]]:
    """Each action with each resource that a policy of the template allows."""
    found = set()
    for policy in template.find_resources("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions, resources = (
                value if isinstance(value, list) else [value] for value in (statement["Action"], statement["Resource"])
            )
            found |= {(action, json.dumps(resource)) for action in actions for resource in resources}
    return found


def test_the_role_allows_what_cdk_would_grant_less_what_no_state_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """CDK derives the grants of each state. Our policy leaves out versions of the function and redrives of a map."""
    ours = allowed(state_machine_template(4))
    monkeypatch.setattr(iam.Role, "without_policy_updates", lambda role: role)
    monkeypatch.setattr(Node, "try_remove_child", lambda node, name: False)
    with_cdks = allowed(state_machine_template(4))
    more = {(action, resource) for action, resource in with_cdks if action not in {action for action, _ in ours}}
    assert {action for action, _ in more} == {"states:RedriveExecution"}
    assert {action for action, _ in with_cdks - ours - more} == {
        "lambda:InvokeFunction",  # of every version
        *("states:StartExecution", "states:DescribeExecution", "states:StopExecution"),  # the same, as Ref and Select
    }
    assert ("lambda:InvokeFunction", '"arn:aws:lambda:eu-west-1:1:function:f:*"') in with_cdks - ours


def test_a_source_of_one_partition_has_no_state_for_several(stage: Stage) -> None:
    machine = definition(stage(), "myapi")["States"]
    assert "Each partition" not in machine
    assert len(machine["Is there more?"]["Choices"]) == 2
