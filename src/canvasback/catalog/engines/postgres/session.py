"""A session with a PostgreSQL server, and what its errors mean."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import adbc_driver_manager
import adbc_driver_postgresql.dbapi  # type: ignore[import-untyped]
import duckdb
from adbc_driver_manager.dbapi import Connection

from canvasback.catalog.engines.arrow import command, query
from canvasback.errors import AccessDeniedError, CanvasbackError, LakeError, LockedError, NoSpaceError, UsageError
from canvasback.model.lake import LakeName, without_secrets

OLDEST = 12
_SETTINGS = {
    "application_name": "canvasback",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "lock_timeout": "30s",
}
"""What the text of values looks like must not depend on the server's settings, nor may they end a long read."""


@contextlib.contextmanager
def connect(lake: LakeName, *, read_only: bool) -> Iterator[Connection]:
    """One transaction with the server that holds the catalog. Who does not commit it changes nothing.

    Args:
        lake: The lake; its target is what libpq understands, whose environment and service files count too.
        read_only: Whether to see one instant throughout, and to be unable to write.

    Raises:
        LakeError: The server cannot be reached, refuses us, is too old, or goes away.
    """
    connection: Connection | None = None
    try:
        connection = adbc_driver_postgresql.dbapi.connect(lake.target or "postgresql://")
        with connection.cursor() as cursor:
            if read_only:
                command(cursor, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            version = server_version(connection)
            if version < OLDEST * 10_000:
                raise LakeError(
                    "postgres-too-old",
                    f"the server of {lake} is PostgreSQL {version / 10_000:g}, and PostgreSQL {OLDEST} is needed",
                    hint="DuckLake itself needs it too: upgrade the server.",
                )
            for name, value in _SETTINGS.items():
                command(cursor, f"SET LOCAL {name} = '{value}'")
        yield connection
    except adbc_driver_manager.Error as error:
        raise translate(error, lake) from error
    except duckdb.Error as error:
        if "arrow_scan" not in str(error):
            raise
        raise translate(error, lake) from error  # the stream broke off
    finally:
        if connection is not None:
            with contextlib.suppress(adbc_driver_manager.Error):
                connection.close()


def server_version(connection: Connection) -> int:
    """The server's version number, such as 180004."""
    with connection.cursor() as cursor:
        return int(query(cursor, "SELECT current_setting('server_version_num')")[0][0])


def translate(error: Exception, lake: LakeName) -> CanvasbackError:
    """Say in our words what went wrong at the server; no secret of the connection string is in it."""
    text = str(error)
    state = str(getattr(error, "sqlstate", "") or "")
    if state == "42501":
        return AccessDeniedError(f"the catalog {lake}")
    if state in {"55P03", "40P01"}:
        return LockedError(
            "catalog-in-use",
            f"somebody is working with the catalog {lake} and does not let go",
            hint="Close the programs that have the lake attached, and run the command again.",
        )
    if state == "53100":
        return NoSpaceError(f"the catalog {lake}")
    marks = ("server closed the connection", "terminating connection", "SSL SYSCALL", "connection not open")
    if state == "57P01" or any(mark in text for mark in marks):
        return LakeError(
            "connection-lost",
            f"the server of {lake} went away in the middle: {_reason(text, lake)}",
            hint="Run it again: what has been copied is kept, and nothing half-done is left in the catalog.",
        )
    if "Failed to connect" in text:
        return _no_connection(text, lake)
    return LakeError(
        "catalog-unreadable",
        f"PostgreSQL refused to work with {lake}: {_reason(text, lake)}",
        hint="See the server's log; if it is a bug, report this message.",
    )


def _no_connection(text: str, lake: LakeName) -> CanvasbackError:
    if "connection info string" in text or "invalid " in text:
        return UsageError(  # neither the string nor what libpq says of it is shown: either may be a piece of a password
            "lake-name",
            "the connection string of the catalog cannot be understood",
            hint="Write it as libpq does, values with spaces in quotes: dbname=catalog host=server password='a b'.",
        )
    if any(mark in text for mark in ("password authentication failed", "no password supplied", "no pg_hba.conf entry")):
        return LakeError(
            "login-failed",
            f"the server does not let us in: {lake}",
            hint="Check user and password: in the connection string, PGPASSWORD, ~/.pgpass or a service file.",
        )
    if "FATAL:  database" in text and "does not exist" in text:
        return LakeError(
            "catalog-missing",
            f"there is no such database: {_reason(text, lake)}",
            hint="Check the name; the database for a restore has to be created first.",
        )
    return LakeError(
        "catalog-unreachable",
        f"the server of {lake} cannot be reached: {_reason(text, lake)}",
        hint="See whether it runs, and whether host and port are right.",
    )


def _reason(text: str, lake: LakeName) -> str:
    """The first line of a message, without the statement, and without what the connection string keeps secret."""
    first = text.strip().splitlines()[0] if text.strip() else "no reason given"
    shown = without_secrets(first.removeprefix("IO: ").replace("[libpq] ", ""))
    hidden = {word for word in lake.target.split() if word not in lake.shown_target.split()}
    for word in hidden:
        shown = shown.replace(word.partition("=")[2] or word, "***")
    return shown
