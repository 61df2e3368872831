"""The Keyturn service itself, from this repository, in a folder of its own."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[4]
NODE = ROOT / "node_modules" / ".bin" / "node"
QUICK = {"schedule": None, "leaseSeconds": 2, "refreshSeconds": 1, "skewSeconds": 0, "tokenLifetimeSeconds": 60}


def why_not():
    """Why the service cannot run here; None where it can."""
    return None if NODE.exists() else "node_modules is missing: npm ci"


class RealService:
    def __enter__(self):
        self._folder = tempfile.mkdtemp(prefix="keyturn-py-")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("KEYTURN_")}
        own = {"KEYTURN_PORT": str(port), "KEYTURN_DATA_DIR": self._folder, "KEYTURN_LOG_LEVEL": "error"}
        self._log = open(os.path.join(self._folder, "log"), "wb")
        self._process = subprocess.Popen(
            [str(NODE), "src/main.ts", "serve"],
            cwd=ROOT,
            env={**clean, **own},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        self._admin = Path(self._folder, "admin.token").read_text().strip()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create(self, name="web", policy=None, **more):
        """A keyring and a token for its keys."""
        self.call("POST", "/v1/keyrings", {"name": name, "policy": {**QUICK, **(policy or {})}, **more})
        return self.call("POST", "/v1/tokens", {"name": "tests", "roles": ["app"], "keyrings": [name]})["token"]

    def rotate(self, kind, name="web"):
        return self.call("POST", f"/v1/keyrings/{name}/rotate", {"kind": kind, "reason": "a test"})["version"]

    def call(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self._admin}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers, method=method), timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def _wait(self):
        end = time.monotonic() + 30
        while time.monotonic() < end and self._process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/readyz", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"The service did not start: {Path(self._log.name).read_text()[-2000:]}")
