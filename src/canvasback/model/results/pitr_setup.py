"""Whether a server is set up so that its log can be archived, and what is missing."""

from __future__ import annotations

from typing import Literal

import msgspec


class SetupItem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that archiving needs, or that makes it safer.

    Attributes:
        name: What it is: a setting, the slot, a right.
        state: ``ok``; ``missing``: archiving does not work without; ``advised``: it does.
        found: What is there.
        wanted: What should be.
        why: Why.
        sql: What sets it right; empty where SQL cannot.
        restart: Whether the server has to be restarted for it to count.
    """

    name: str
    state: Literal["ok", "missing", "advised"]
    found: str
    wanted: str
    why: str
    sql: str = ""
    restart: bool = False


class PitrSetupResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.pitr-setup/1"):
    """The server was asked.

    Attributes:
        lake: The lake.
        system: The cluster's system identifier.
        postgres: The server's major version.
        items: What was looked at, as it was found.
        applied: SQL that was run.
        ready: Whether archiving works now; after a restart, if one is needed.
        restart: Whether the server has to be restarted for what was run to count.
    """

    lake: str
    system: str
    postgres: int
    items: tuple[SetupItem, ...]
    applied: tuple[str, ...]
    ready: bool
    restart: bool
