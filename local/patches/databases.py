"""RDS of ministack 1.5.33: a database behind each instance of a template."""

from typing import Any

from ministack.services import rds
from ministack.services.cloudformation import provisioners

from local.postgres import Postgres
from local.replacing import replacing

_servers: dict[str, Postgres] = {}


def apply() -> None:
    """Apply the patches of this module."""
    serve_postgresql()


def close() -> None:
    """Stop every server of an instance and delete its folder."""
    while _servers:
        _servers.popitem()[1].close()


def serve_postgresql() -> None:
    """Symptom: AWS::RDS::DBInstance has an endpoint that no host answers for; ministack would need a container engine.

    Mends (1.5.33): with the engine ``postgres`` a real PostgreSQL is started, with the instance's user, password and
    database, and its endpoint is where that listens on 127.0.0.1. It ends with the instance, or with the local AWS,
    and its data with it. It is PostgreSQL 18, whatever version is asked for, and has no TLS.
    """
    handlers = provisioners._RESOURCE_HANDLERS["AWS::RDS::DBInstance"]

    @replacing(handlers, "create")
    def create(original: Any, logical_id: str, properties: Any, *rest: Any, **named: Any) -> Any:
        made = original(logical_id, properties, *rest, **named)
        name = made[0]
        if properties.get("Engine") != "postgres":
            return made
        instance = rds._instances[name]
        server = Postgres(
            instance["MasterUsername"], instance["_MasterUserPassword"], database=properties.get("DBName")
        )
        _servers[name] = server
        instance["Endpoint"] |= {"Address": server.host, "Port": server.port}
        return name, provisioners._rds_db_instance_attrs(instance)

    @replacing(handlers, "delete")
    def delete(original: Any, name: str, *rest: Any, **named: Any) -> Any:
        if server := _servers.pop(name, None):
            server.close()
        return original(name, *rest, **named)
