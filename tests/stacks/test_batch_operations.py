"""An operation is a function as its declaration says, which the command finds by the stack's outputs."""

from tests.stacks.conftest import Stage


def test_the_function_is_what_its_declaration_says(stage: Stage) -> None:
    function = stage().one("batch-operations", "AWS::Lambda::Function", "Make")
    assert function["FunctionName"] == "brigade-dev-operation-make"
    assert function["Handler"] == "lambdas.batch_operations.handler.handler"
    assert (function["MemorySize"], function["Timeout"]) == (1024, 300)
    assert function["ReservedConcurrentExecutions"] == 7
    assert function["Environment"]["Variables"]["BRIGADE_OPERATION"] == "make"
    assert function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == "operation-make"


def test_concurrency_that_is_not_declared_is_the_accounts(stage: Stage) -> None:
    assert "ReservedConcurrentExecutions" not in stage().one("batch-operations", "AWS::Lambda::Function", "Look")


def test_the_command_finds_every_operation_and_the_role(stage: Stage) -> None:
    outputs = stage().template("batch-operations")["Outputs"]
    named = {name: output["Value"] for name, output in outputs.items() if not name.startswith("Exports")}
    assert named.keys() == {"OperationLook", "OperationMake", "JobRoleArn"}
    assert named["OperationMake"]["Fn::GetAtt"][0].startswith("OperationMakeFunction")
