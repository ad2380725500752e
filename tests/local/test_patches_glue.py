"""Glue asks for the right to a table on the catalog, the database and the table."""

import json
import uuid

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Emulator
from tests.local.inventories import ACCOUNT


@pytest.mark.parametrize("lacking", ["catalog", "database/tables", "table/tables/mine"])
def test_a_call_about_a_table_needs_its_right_on_all_three(emulator: Emulator, lacking: str) -> None:
    glue, iam, user = emulator.root("glue"), emulator.root("iam"), f"keeper-{uuid.uuid4().hex[:8]}"
    if "tables" not in {each["Name"] for each in glue.get_databases()["DatabaseList"]}:
        glue.create_database(DatabaseInput={"Name": "tables"})
        for name in ("mine", "theirs"):
            glue.create_table(DatabaseName="tables", TableInput={"Name": name})
    iam.create_user(UserName=user)
    made = iam.create_access_key(UserName=user)["AccessKey"]
    keeper = emulator.client("glue", access_key=made["AccessKeyId"], secret_key=made["SecretAccessKey"])

    def give(*resources: str) -> None:
        arns = [f"arn:aws:glue:us-east-1:{ACCOUNT}:{resource}" for resource in resources]
        statement = {"Effect": "Allow", "Action": ["glue:GetTable", "glue:UpdateTable"], "Resource": arns}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=user, PolicyName="tables", PolicyDocument=policy)

    needed = ("catalog", "database/tables", "table/tables/mine")
    give(*needed)
    keeper.update_table(DatabaseName="tables", TableInput={"Name": "mine", "Description": user})
    assert keeper.get_table(DatabaseName="tables", Name="mine")["Table"]["Description"] == user
    with pytest.raises(ClientError, match=r"AccessDenied.*table/tables/theirs"):
        keeper.update_table(DatabaseName="tables", TableInput={"Name": "theirs"})
    give(*(each for each in needed if each != lacking))
    with pytest.raises(ClientError, match="AccessDenied"):
        keeper.update_table(DatabaseName="tables", TableInput={"Name": "mine"})
    with pytest.raises(ClientError, match="AccessDenied"):
        keeper.get_table(DatabaseName="tables", Name="mine")
