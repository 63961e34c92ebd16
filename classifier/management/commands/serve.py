"""`manage.py serve`: broker, worker, scheduler and web server under one process manager."""

import fcntl
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from honcho.manager import Manager

from classifier import metrics
from medclassifier.broker import BrokerMissing, server_command


class Command(BaseCommand):
    help = "Set up what is missing, then run everything until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        require_free_port(host, port)
        with only_instance(settings.VAR_DIR / "serve.lock"):
            commands = processes(host, port, settings.VAR_DIR)
            metrics.start_anew()
            call_command("setup", stdout=self.stdout)
            self.stdout.write(f"Open http://{host}:{port} · stop with Ctrl-C")
            self.stdout.flush()
            sys.exit(run(commands))


def require_free_port(host: str, port: int) -> None:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise CommandError(
            f"Cannot listen on {host}:{port} ({error}). Choose another: make run PORT={port + 1}"
        ) from error


@contextmanager
def only_instance(path: Path) -> Iterator[None]:
    """Two instances on the same data would fight over the broker's socket."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"medclassifier already runs on {path.parent}.") from error
        yield


def processes(host: str, port: int, var_dir: Path) -> dict[str, str]:
    """Shell commands by name, the broker first where it is the embedded one."""
    python = shlex.quote(sys.executable)
    celery = f"{python} -m celery --app medclassifier"
    schedule = shlex.quote(str(var_dir / "celerybeat-schedule"))
    commands = {
        "worker": f"{celery} worker --loglevel INFO --without-gossip --without-mingle",
        # Scheduler and housekeeping in one; whoever asks workers which models are loaded gets no
        # answer from it.
        "beat": f"{celery} worker --beat --schedule {schedule} --queues housekeeping "
        "--pool threads --concurrency 2 --loglevel WARNING --without-gossip --without-mingle "
        "worker_enable_remote_control=no",
        "web": f"{python} -m gunicorn medclassifier.wsgi --bind {shlex.quote(f'{host}:{port}')} "
        "--worker-class medclassifier.server.Worker "
        f"--workers {settings.WEB_WORKERS} --threads {settings.WEB_THREADS} "
        "--graceful-timeout 4 --no-control-socket",
    }
    return commands if settings.REDIS_URL else {"broker": broker_command(var_dir), **commands}


def broker_command(var_dir: Path) -> str:
    try:
        return shlex.join(server_command(var_dir))
    except (BrokerMissing, PermissionError) as error:
        raise CommandError(str(error)) from error


def run(commands: dict[str, str]) -> int:
    """Run until a signal stops everything; what stops by itself is started again."""
    manager = Manager()
    for name, command in commands.items():
        kept_alive = (
            f"while :; do {command}; echo {name} stopped with status $?, starting again; "
            "sleep 2; done"
        )
        manager.add_process(name, kept_alive, cwd=str(settings.BASE_DIR))
    manager.loop()
    return int(manager.returncode or 0)
