"""The archive that is named by how its tool calls it."""

from __future__ import annotations

from canvasback.errors import UsageError
from canvasback.postgres.barman import Barman
from canvasback.postgres.pgbackrest import PgBackRest


def archive_of_tool(stanza: str | None, barman_server: str | None) -> PgBackRest | Barman | None:
    """The archive that is named; None where none is.

    Raises:
        UsageError: Two are (``two-archives``).
    """
    if stanza is not None and barman_server is not None:
        raise UsageError(
            "two-archives", "more than one archive is named", hint="Name one of --stanza and --barman-server."
        )
    if stanza is not None:
        return PgBackRest(stanza)
    return Barman(barman_server) if barman_server is not None else None
