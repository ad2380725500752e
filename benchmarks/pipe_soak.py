"""200 GiB of zeros through ``brigade pipe to`` into a server that keeps nothing: the memory stays flat.

``pipe_soak.py [GIB]``. Prints the peak memory at each tenth and at the end, and fails unless it stays under 128 MiB.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

_BRIGADE = Path(sys.executable).with_name("brigade")
_GIB = 2**30
_CEILING_KIB = 128 * 1024


class Nothing(BaseHTTPRequestHandler):
    """As much of S3 as a pipe asks for; bodies are read and forgotten, checksums are taken at their word."""

    protocol_version = "HTTP/1.1"
    sizes: ClassVar[dict[str, int]] = {}  # of what was completed, by path
    sums: ClassVar[dict[str, str]] = {}

    def do_PUT(self) -> None:
        """Store an uploaded part, or a copied part."""
        left, block = int(self.headers.get("content-length", 0)), bytearray(4 * 2**20)
        while left:
            left -= self.rfile.readinto(memoryview(block)[: min(left, len(block))])
        source = self.headers.get("x-amz-copy-source")
        self._answer(b"<CopyPartResult><ETag>e</ETag></CopyPartResult>" if source else b"")

    def do_POST(self) -> None:
        """Open an upload, or complete one."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        path = self.path.partition("?")[0]
        if "uploads=" in self.path:
            self._answer(f"<R><UploadId>{uuid.uuid4().hex}</UploadId></R>".encode())
            return
        self.sizes[path] = int(self.headers.get("x-amz-mp-object-size", 0))
        self.sums[path] = self.headers.get("x-amz-checksum-crc64nvme", "")
        told = f"<R><ETag>e</ETag><ChecksumCRC64NVME>{self.sums[path]}</ChecksumCRC64NVME></R>"
        self._answer(told.encode())

    def do_HEAD(self) -> None:
        """Return the headers of the completed object."""
        self._answer(b"", length=self.sizes.get(self.path.partition("?")[0], 0))

    def do_DELETE(self) -> None:
        """Forget."""
        self._answer(b"", status=204)

    def log_message(self, *_: object) -> None:
        """Log nothing."""

    def _answer(self, body: bytes, *, status: int = 200, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("ETag", "e")
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 00:00:00 GMT")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def main(gib: int) -> int:
    """Send so many GiB, and say what it took."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Nothing)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_address[1]}",
    }
    zeros = subprocess.Popen(["head", "-c", str(gib * _GIB), "/dev/zero"], stdout=subprocess.PIPE)
    begun = time.monotonic()
    running = subprocess.Popen(
        [_BRIGADE, "--json", "pipe", "to", "s3://soak/object"],
        stdin=zeros.stdout,
        stdout=subprocess.PIPE,
        env=environment,
    )
    peaks = []
    while running.poll() is None:
        time.sleep(1)
        found = re.search(r"VmHWM:\s*(\d+)", _status(running.pid))
        peaks += [int(found[1])] if found else []
    told = json.loads(running.communicate()[0] or b"{}")
    zeros.communicate()
    server.shutdown()
    print(f"{gib} GiB in {time.monotonic() - begun:.0f} s; exit {running.returncode}; bytes {told.get('bytes')}")
    tenths = [peaks[min(len(peaks) - 1, len(peaks) * step // 10)] // 1024 for step in range(11)]
    print("peak MiB at each tenth:", *tenths)
    return 0 if running.returncode == 0 and told["bytes"] == gib * _GIB and max(peaks) < _CEILING_KIB else 1


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
