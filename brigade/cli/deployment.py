"""The CloudFormation outputs of a stage, cached for five minutes; environment variables override them."""

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from botocore.exceptions import ClientError

from brigade import names
from brigade.aws import Connection
from brigade.errors import NotFound

_STACKS: tuple[names.StackNoun, ...] = ("storage", "catalog", "ingest", "batch-operations", "operator", "monitoring")
_CACHE_SECONDS = 300


@dataclass(frozen=True)
class Deployment:
    """The outputs of the stacks of a stage by name. The variable `BRIGADE_<NAME>` overrides one."""

    stage: str
    connection: Connection

    def __getitem__(self, name: str) -> str:
        """Return the output `name` (`LakeBucket`), from `BRIGADE_LAKE_BUCKET` if that variable is set.

        Raises:
            NotFound: The stage is not deployed or has no such output.
        """
        override = os.environ.get("BRIGADE_" + re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper())
        if override:
            return override
        if name not in self.outputs:
            raise NotFound(
                f"stage {self.stage!r} has no {name} deployed; deploy it (cdk deploy --all, or brigade local deploy)"
            )
        return self.outputs[name]

    def named(self, prefix: str) -> Mapping[str, str]:
        """Return the outputs with this prefix, by the rest of the name in snake case: `OperationVerify` is `verify`."""
        found = {
            re.sub(r"(?<!^)(?=[A-Z])", "_", name.removeprefix(prefix)).lower(): value
            for name, value in self.outputs.items()
            if name.startswith(prefix)
        }
        return dict(sorted(found.items()))

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """All outputs of the stage, at most five minutes old."""
        cached = self._cache_file()
        try:
            if time.time() - cached.stat().st_mtime < _CACHE_SECONDS:
                loaded: dict[str, str] = json.loads(cached.read_text())
                return loaded
        except (OSError, ValueError):
            pass  # no file, or half a file of a killed run: read the outputs again
        outputs = self._read()
        if outputs:
            cached.parent.mkdir(parents=True, exist_ok=True)
            fresh = cached.with_suffix(f".{os.getpid()}")
            fresh.write_text(json.dumps(outputs))
            fresh.replace(cached)
        return outputs

    def _cache_file(self) -> Path:
        client = self.connection.client("cloudformation")
        caller = client._request_signer._credentials  # the access key, so that two accounts never share a file
        key = f"{client.meta.endpoint_url} {client.meta.region_name} {caller and caller.access_key} {self.stage}"
        return Path(".brigade/outputs") / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"

    def _read(self) -> dict[str, str]:
        client = self.connection.client("cloudformation")
        outputs: dict[str, str] = {}
        for noun in _STACKS:
            try:
                described = client.describe_stacks(StackName=names.stack(self.stage, noun))["Stacks"][0]
            except ClientError as error:
                if "does not exist" in str(error):
                    continue
                raise
            outputs |= {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}
        return outputs
