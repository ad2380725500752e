"""CloudFormation of ministack 1.5.33: resource types of the stacks that it does not know."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.services import athena
from ministack.services.cloudformation import provisioners

Properties = Mapping[str, Any]


def apply() -> None:
    """Apply the patches of this module."""
    know_named_queries()


def know_named_queries() -> None:
    """Symptom: a template with AWS::Athena::NamedQuery is refused, "Unrecognized resource types".

    Mends (1.5.33): the query is made, replaced and deleted as by Athena's API.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-athena-namedquery.html
    """
    provisioners._RESOURCE_HANDLERS["AWS::Athena::NamedQuery"] = {
        "create": _create,
        "update": _replace,
        "delete": _delete,
    }


def _create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, str]]:
    wanted = {
        name: properties[name] for name in ("Database", "QueryString", "WorkGroup", "Description") if name in properties
    }
    status, _, body = athena._create_named_query({"Name": properties.get("Name", logical_id), **wanted})
    answer = json.loads(body)
    if status >= 300:
        raise ValueError(answer.get("message") or answer.get("Message") or f"Athena answered {status}")
    return answer["NamedQueryId"], {"NamedQueryId": answer["NamedQueryId"]}


def _replace(
    physical_id: str, old: Properties, new: Properties, stack: str, *rest: Any, **named: Any
) -> tuple[str, dict[str, str]]:
    _delete(physical_id, old)
    return _create(physical_id, new, stack)


def _delete(physical_id: str, properties: Properties) -> None:
    athena._delete_named_query({"NamedQueryId": physical_id})
