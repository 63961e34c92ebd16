"""`manage.py serve`, which is what `make run` runs."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from django.conf import settings

from tests.processes.stack import ApiClient, Stack, wait_until

SERVE = [sys.executable, "manage.py", "serve"]


@contextmanager
def serving(stack: Stack, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [*SERVE, "--port", str(stack.port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=stack.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(stack.answers, f"the web server answers, see {log}")
        wait_until(lambda: stack.health().get("worker") == "ok", "a worker answers")
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def processes_on(var_dir: Path) -> dict[int, str]:
    """Living processes of an installation, with their command lines.

    They have its VAR_DIR in their environment, or, as Redis, which overwrites that, in their title.
    """
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().replace("\0", " ")
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(var_dir) in command or f"VAR_DIR={var_dir}".encode() in environment:
            found[int(folder.name)] = command
    return found


def test_it_starts_everything_and_stops_everything_and_keeps_the_data(tmp_path: Path) -> None:
    stack, log = Stack(tmp_path / "var"), tmp_path / "serve.log"
    with serving(stack, log):
        token = ApiClient(stack.url).session.headers["Authorization"]
        # Each web process asks by itself, and answers for two seconds as it was answered.
        wait_until(lambda: stack.health().get("worker") == "ok", "a worker has loaded its models")
        wait_until(
            lambda: requests.get(f"{stack.url}/healthz", timeout=30).status_code == 200,
            "every web process knows of the worker",
        )
    wait_until(lambda: not processes_on(stack.var_dir), "every process is gone", seconds=30)
    prefixes = {
        line.split("|")[0].split()[-1] for line in log.read_text().splitlines() if "|" in line
    }
    assert {"broker", "worker", "web", "system"} <= prefixes
    with serving(stack, log):
        headers = {"Authorization": str(token)}
        answer = requests.get(f"{stack.url}/api/v1/predictions/", headers=headers, timeout=30)
        assert answer.status_code == 200


def test_a_process_that_dies_is_started_again(tmp_path: Path) -> None:
    stack, log = Stack(tmp_path / "var"), tmp_path / "serve.log"
    with serving(stack, log):
        alive = processes_on(stack.var_dir)
        [broker] = [pid for pid, command in alive.items() if "unixsocket:" in command]
        os.kill(broker, signal.SIGKILL)
        wait_until(lambda: "broker stopped with status" in log.read_text(), "it is noticed")
        wait_until(lambda: stack.health().get("worker") == "ok", "the worker is back")
        schedulers = {
            pid
            for pid, command in alive.items()
            if " --beat " in command and not command.startswith("/bin/sh")
        }
        assert len(schedulers) == 2, "housekeeping and the scheduler that it started"
        os.kill(min(schedulers), signal.SIGKILL)
        wait_until(lambda: "beat stopped with status" in log.read_text(), "that is noticed too")
        wait_until(
            lambda: not schedulers & processes_on(stack.var_dir).keys(),
            "no scheduler is left beside the next one",
        )


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = subprocess.run(
            [*SERVE, "--port", str(port)],
            cwd=settings.BASE_DIR,
            env={**os.environ, "VAR_DIR": str(tmp_path / "var")},
            capture_output=True,
            text=True,
        )
    assert answer.returncode == 1
    [line] = answer.stderr.splitlines()
    assert f"Cannot listen on 127.0.0.1:{port}" in line
    assert f"make run PORT={port + 1}" in line
