"""Pipes on the local AWS: parts, the checksum of the whole, and what IAM says."""

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.local.conftest import Emulator

BRIGADE = Path(sys.executable).with_name("brigade")
DATA = os.urandom(9 * 2**20)


@pytest.mark.parametrize("size", [0, 10, len(DATA)])
def test_a_pipe_goes_there_and_back(emulator: Emulator, size: int) -> None:
    s3 = emulator.root("s3")
    bucket = f"pipe-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=bucket)
    environment = emulator.environment("root")
    uri = f"s3://{bucket}/a b+é/k"
    to: list[Path | str] = [BRIGADE, "pipe", "to", uri, "--allow-empty", "--no-overwrite"]
    done = subprocess.run(to, input=DATA[:size], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    back = subprocess.run([BRIGADE, "pipe", "from", uri], env=environment, capture_output=True, check=False)
    assert (back.returncode, back.stderr) == (0, b"")
    assert back.stdout == DATA[:size]
    found = s3.head_object(Bucket=bucket, Key="a b+é/k", ChecksumMode="ENABLED")
    assert found["ChecksumCRC64NVME"] in done.stderr.decode()
    assert found["ChecksumType"] == "FULL_OBJECT"
    assert subprocess.run(to, input=b"x", env=environment, capture_output=True, check=False).returncode == 3
    s3.close()
