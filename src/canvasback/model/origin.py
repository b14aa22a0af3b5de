"""Where a catalog was when a point was made of it: enough to look whether it is there still, and no secret."""

from __future__ import annotations

import msgspec

from canvasback.model.conninfo import connection_items, connection_string
from canvasback.model.engine import ENGINES, EngineName
from canvasback.model.lake import LakeName

_OPEN = ("host", "hostaddr", "port", "dbname", "user", "service", "sslmode")
"""What of a connection string tells where the server is, and how to reach it. All else may be secret."""

_LOOPBACK = frozenset({"", "localhost", "127.0.0.1", "::1"})


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a catalog was.

    Attributes:
        engine: ``duckdb``, ``sqlite`` or ``postgres``.
        target: The file's absolute path with all symlinks followed, or its URL; or what tells of a connection string
            of PostgreSQL where the server is: never a password.
        schema: The database schema that held it.
        host: The name of the machine that made the point.
    """

    engine: EngineName
    target: str
    schema: str = ""
    host: str = ""

    @property
    def lake(self) -> LakeName:
        """The catalog's name."""
        return LakeName(self.engine, self.target, self.schema if ENGINES[self.engine].served else "")

    @property
    def local(self) -> bool:
        """Whether the same name means another catalog on another machine."""
        if not ENGINES[self.engine].served:
            return "://" not in self.target
        items = connection_items(self.target) or {}
        hosts = (items.get("hostaddr") or items.get("host") or "").split(",")
        return any(host in _LOOPBACK or host.startswith("/") for host in hosts)


def server_of(text: str) -> str | None:
    """What a connection string says of where the server is, as a connection string; None if it cannot be told."""
    items = connection_items(text)
    if items is None:
        return None
    shown = {key: items[key] for key in _OPEN if key in items}
    # A value that is a connection string itself could have a password in it.
    return None if any("=" in value or "://" in value for value in shown.values()) else connection_string(shown)


def with_credentials(origin: str, target: str) -> str:
    """The connection string of an origin, with what another one for the same server and user says besides.

    Args:
        origin: The connection string of an origin.
        target: The connection string that a user gives now, which may have a password.
    """
    there, here = connection_items(origin) or {}, connection_items(target) or {}
    of_server = ("host", "hostaddr", "port", "user", "service")
    if all(there.get(key) == here.get(key) for key in of_server):
        there = {key: value for key, value in here.items() if key != "dbname"} | there
    return connection_string({"connect_timeout": "10"} | there)
