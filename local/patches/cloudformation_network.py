"""CloudFormation of ministack 1.5.33: network resource types, which have no effect here."""

from typing import Any

from ministack.core.responses import new_uuid
from ministack.services.cloudformation import provisioners

# The identifier that CloudFormation calls Ref, and the attribute of the same.
_TYPES = {
    "AWS::EC2::EIP": ("eipalloc", "AllocationId"),
    "AWS::EC2::NatGateway": ("nat", "NatGatewayId"),
    "AWS::EC2::SecurityGroupIngress": ("sgr", "Id"),
}


def apply() -> None:
    """Apply the patches of this module."""
    know_gateways_and_rules()


def know_gateways_and_rules() -> None:
    """Symptom: a template with EIP, NatGateway or SecurityGroupIngress is refused, "Unrecognized resource types".

    Mends (1.5.33): they get an identifier and are nothing else: all that runs here shares this machine's loopback, and
    no packet is let through or held back by them.
    """
    for kind, (prefix, attribute) in _TYPES.items():
        provisioners._RESOURCE_HANDLERS[kind] = {
            "create": _creating(prefix, attribute),
            "update": _keep,
            "delete": lambda physical_id, properties: None,
        }


def _creating(prefix: str, attribute: str) -> Any:
    def create(logical_id: str, properties: Any, stack: str) -> tuple[str, dict[str, str]]:
        made = f"{prefix}-{new_uuid().replace('-', '')[:17]}"
        return made, {attribute: made}

    return create


def _keep(physical_id: str, old: Any, new: Any, stack: str, *rest: Any, **named: Any) -> Any:
    return physical_id, {}
