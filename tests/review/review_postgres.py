"""A PostgreSQL of a test's own: a private cluster in a folder, on a Unix socket only."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

PORT = 5432


def binaries() -> Path | None:
    """The folder of the newest server found, or None."""
    if found := shutil.which("postgres"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    return versions[-1].parent if versions else None


def missing() -> str | None:
    """Why no cluster can be started here, or None."""
    if binaries() is None:
        return "no PostgreSQL server is installed"
    if os.geteuid() == 0 and (shutil.which("setpriv") is None or _owner() is None):
        return "PostgreSQL does not run as root, and there is no user postgres to become"
    return None


def _owner() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


def emptied(url: str) -> None:
    """Remove every row of a database that may hold a store; its tables stay: to make them takes time."""
    import sqlalchemy as sa

    from duecare.review import schema

    engine = sa.create_engine(url)
    with engine.begin() as connection:
        if sa.inspect(connection).has_table("rounds"):
            names = ", ".join(table.name for table in schema.metadata.sorted_tables)
            connection.exec_driver_sql(f"TRUNCATE {names}")
    engine.dispose()


class Cluster:
    """A running server; `stop`, `start` and `kill` are for tests that take it away."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="duecare-pg-", dir="/tmp"))  # a socket's path is short
        self._made: set[str] = set()
        owner = _owner() if os.geteuid() == 0 else None
        self._become: list[str] = []
        if owner is not None:
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._become = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        self._run("initdb", "-D", "data", "-U", "duecare", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        with (self.folder / "data" / "postgresql.conf").open("a") as settings:
            settings.write(
                f"listen_addresses = ''\nunix_socket_directories = '{self.folder}'\nport = {PORT}\n"
                "max_connections = 120\nshared_buffers = 32MB\n"
            )
        self.start()

    def url(self, database: str) -> str:
        """How a store opens a database of the cluster; it is made where it is not there."""
        if database in self._made:
            return f"postgresql+psycopg://duecare@/{database}?host={self.folder}&port={PORT}"
        self._made.add(database)
        made = self._run(
            "psql", "-h", str(self.folder), "-U", "duecare", "-d", "postgres", "-tAc",
            f"SELECT 1 FROM pg_database WHERE datname = '{database}'",
        )  # fmt: skip
        if "1" not in made:
            self._run("createdb", "-h", str(self.folder), "-U", "duecare", database)
        return f"postgresql+psycopg://duecare@/{database}?host={self.folder}&port={PORT}"

    def start(self) -> None:
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-t", "60", "start")

    def stop(self, how: str = "immediate") -> None:
        """As after a crash ("immediate"), or as a planned restart would ("fast")."""
        self._run("pg_ctl", "-D", "data", "-w", "-m", how, "stop")

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, *command: str) -> str:
        program = str((binaries() or Path()) / command[0])
        # pg_ctl's server inherits the pipes: what it says goes to a file instead
        with tempfile.TemporaryFile() as said:
            done = subprocess.run(
                [*self._become, program, *command[1:]],
                cwd=self.folder, stdout=said, stderr=said, stdin=subprocess.DEVNULL, check=False, timeout=120,
            )  # fmt: skip
            said.seek(0)
            text = said.read().decode("utf-8", "replace")
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {text}")
        return text
