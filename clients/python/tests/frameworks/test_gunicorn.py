"""Two workers of gunicorn, with and without --preload: each asks for itself, and none keeps an old key."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("gunicorn", reason="gunicorn is tested with Flask 3.1")

from support.service import TOKEN, Service

HERE = Path(__file__).parent


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def ask(port, cookie=None):
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Cookie": cookie} if cookie else {})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read()), answer.headers.get("Set-Cookie")


def until(true, what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.05)
    raise AssertionError(what)


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["each worker loads", "preload"])
def test_each_worker_follows_the_keyring(options, tmp_path):
    port = free_port()
    with Service(current=1, lease=30, refresh=1) as service:
        environment = {
            **os.environ,
            "KEYTURN_URL": service.url,
            "KEYTURN_TOKEN": TOKEN,
            "KEYTURN_KEYRING": "web",
            "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[1] / "src")]),
        }
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "-w",
            "2",
            "-b",
            f"127.0.0.1:{port}",
            "--no-control-socket",
            *options,
            "gunicorn_app:app",
        ]
        if subprocess.run([*command[:3], "--help"], capture_output=True, text=True, check=False).stdout.count("--no-control-socket") == 0:
            command.remove("--no-control-socket")
        with open(tmp_path / "log", "wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        try:
            until(lambda: ask(port)[0]["current"] == 1, "gunicorn did not start")
            _, cookie = ask(port)
            cookie = cookie.split(";")[0]
            service.keys(current=2, previous=[1], lease=30, refresh=1)
            turned = {}

            def both():
                status, _ = ask(port)
                if status["current"] == 2:
                    turned[status["pid"]] = status
                return len(turned) == 2

            until(both, f"only {turned} follow")
            assert all(status["thread"] for status in turned.values())
            assert process.pid not in turned
            names = {status["instance"] for status in turned.values()}
            assert len(names) == 2
            assert names <= {request.instance for request in service.seen}
            status, renewed = ask(port, cookie)
            assert (status["u"], renewed is not None) == (1, True)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{(tmp_path / 'log').read_text()[-3000:]}") from None
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
