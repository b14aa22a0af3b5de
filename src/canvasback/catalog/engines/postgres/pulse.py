"""The pulse of a catalog in PostgreSQL, felt through one session that stays open."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Hashable

import adbc_driver_manager
import adbc_driver_postgresql.dbapi  # type: ignore[import-untyped]
from adbc_driver_manager.dbapi import Connection

from canvasback.catalog.engines.arrow import command, query
from canvasback.catalog.engines.postgres.session import translate
from canvasback.model.lake import LakeName
from canvasback.model.relation import identifier

SESSION = "canvasback watch"
"""The name of the session for those who look at the server. It remembers nothing of the catalog."""

_SETTINGS = {
    "application_name": SESSION,
    "default_transaction_read_only": "on",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "lock_timeout": "30s",
    "statement_timeout": "60s",
}


class Pulse:
    """Asks a server for the newest snapshot, each time in a transaction of its own.

    To connect costs many times what the question does, so the session is kept until it fails or this object goes.

    Args:
        lake: The lake.
        find_schema: Which of the database's schemas holds the catalog.
    """

    def __init__(self, lake: LakeName, find_schema: Callable[[Connection], str]) -> None:
        self._lake = lake
        self._find_schema = find_schema
        self._session: Connection | None = None
        self._end: Callable[[], object] | None = None
        self._question = ""

    def feel(self) -> Hashable:
        """See `canvasback.catalog.engines.Engine.pulse`.

        The largest key of a small table is found by its index. The time, and the transaction that wrote the row, tell
        a snapshot from another of the same number, which a lake has that was taken back.

        Raises:
            LakeError: There is no catalog, or the server cannot be asked.
        """
        if self._session is not None:
            with contextlib.suppress(adbc_driver_manager.Error):
                return self._ask(self._session)
            self._let_go()  # a server may end sessions that idle, and be well
        try:
            return self._ask(self._open())
        except adbc_driver_manager.Error as error:
            self._let_go()
            raise translate(error, self._lake) from error
        except BaseException:
            self._let_go()
            raise

    def _ask(self, session: Connection) -> Hashable:
        with session.cursor() as cursor:
            return tuple(query(cursor, self._question))

    def _let_go(self) -> None:
        if self._end is not None:
            self._end()
        self._session = self._end = None

    def _open(self) -> Connection:
        session: Connection = adbc_driver_postgresql.dbapi.connect(
            self._lake.target or "postgresql://", autocommit=True
        )
        self._session, self._end = session, weakref.finalize(self, _close, session)
        with session.cursor() as cursor:
            for name, value in _SETTINGS.items():
                command(cursor, f"SET {name} = '{value}'")
        schema = self._find_schema(session)
        self._question = (
            f"SELECT snapshot_id, snapshot_time::text, xmin::text FROM {identifier(schema)}.ducklake_snapshot "
            "ORDER BY snapshot_id DESC LIMIT 1"
        )
        return session


def _close(session: Connection) -> None:
    with contextlib.suppress(adbc_driver_manager.Error):
        session.close()
