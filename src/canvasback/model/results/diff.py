"""What diff and tables answer. `--json` prints these; docs/json holds their schemas."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from canvasback.model.commit import CommitSummary


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One of the two moments that were compared.

    Attributes:
        source: Where it was read: the id of a point, or the lake.
        snapshot_id: The snapshot.
        snapshot_time: When that was committed.
    """

    source: str
    snapshot_id: int
    snapshot_time: datetime


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a table that is not as it was.

    Attributes:
        part: ``column``, ``partitioning``, ``sorting`` or ``comment``.
        change: ``added``, ``dropped``, ``renamed``, ``type``, ``default``, ``nullable`` or ``comment`` of a column;
            ``changed`` of another part.
        name: The column, by its newer name, with those it is nested in; empty for another part.
        before: What it was; None where there was nothing.
        after: What it is; None where there is nothing.
    """

    part: Literal["column", "partitioning", "sorting", "comment"]
    change: Literal["added", "dropped", "renamed", "type", "default", "nullable", "comment", "changed"]
    name: str
    before: str | None
    after: str | None


class TableDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A table that is not as it was.

    Attributes:
        schema: The name of its schema: the newer one; the older one of a table that was dropped.
        table: Its name, the newer one too.
        table_id: Its id, which a rename does not change.
        kinds: What happened, of ``created``, ``dropped``, ``renamed``, ``altered`` and ``data``: rows or files came
            or went.
        old_schema: The name of its schema before, where it was renamed; empty otherwise.
        old_table: Its name before, where it was renamed; empty otherwise.
        changes: How it was altered.
        rows_before: Live rows at the older moment.
        rows_after: Live rows at the newer moment.
        before_fewest: The fewest rows that it can have at the older moment.
        before_most: The most rows that it can have then; None where nobody knows.
        after_fewest: The fewest rows that it can have at the newer moment.
        after_most: The most rows that it can have then; None where nobody knows.
        rows_added: Rows of the newer moment that are not of the older one; an updated row counts as one.
        rows_removed: Rows of the older moment that are not of the newer one; an updated row counts as one.
        exact: Whether the four numbers of rows are known; where they are not, they are such that can be.
        files_added: Data files of the newer moment only.
        files_removed: Data files of the older moment only.
        bytes_added: Bytes of the files that were added.
        bytes_removed: Bytes of the files that were removed.
    """

    schema: str
    table: str
    table_id: int
    kinds: tuple[Literal["created", "dropped", "renamed", "altered", "data"], ...]
    old_schema: str
    old_table: str
    changes: tuple[Change, ...]
    rows_before: int
    rows_after: int
    before_fewest: int
    before_most: int | None
    after_fewest: int
    after_most: int | None
    rows_added: int
    rows_removed: int
    exact: bool
    files_added: int
    files_removed: int
    bytes_added: int
    bytes_removed: int


class ObjectDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A schema, a view or a macro that is not as it was.

    Attributes:
        kind: What it is.
        schema: The name of the schema that it is in; empty for a schema.
        name: Its name.
        change: What happened.
        old_name: Its name before with its schema, where it was renamed; empty otherwise.
    """

    kind: Literal["schema", "view", "macro"]
    schema: str
    name: str
    change: Literal["created", "dropped", "renamed", "changed"]
    old_name: str = ""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """All tables together.

    Attributes:
        created: Tables that were created.
        dropped: Tables that were dropped.
        renamed: Tables that were renamed.
        altered: Tables that were altered.
        data: Tables of which rows or files came or went.
        unchanged: Tables that are as they were, and are not listed.
        rows_added: Rows, see the tables.
        rows_removed: Rows, see the tables.
        exact: Whether they are known.
        files_added: Data files.
        files_removed: Data files.
        bytes_added: Bytes of the files that were added.
        bytes_removed: Bytes of the files that were removed.
    """

    created: int
    dropped: int
    renamed: int
    altered: int
    data: int
    unchanged: int
    rows_added: int
    rows_removed: int
    exact: bool
    files_added: int
    files_removed: int
    bytes_added: int
    bytes_removed: int


class DiffResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.diff/1"):
    """What changed between two moments of a lake.

    Attributes:
        before: The one that is compared with.
        after: The other one.
        ancestor: Whether the newer one's history surely has, or had, the older one in it. It has not where the lake was
            taken back and written again in between.
        tables: Tables that are not as they were.
        objects: Schemas, views and macros that are not as they were.
        totals: All tables together.
        commits: What was committed between the two, as far as the newer one's catalog knows it.
        commits_missing: Commits between the two that the catalog knows no more, since they were expired.
    """

    before: Side
    after: Side
    ancestor: bool
    tables: tuple[TableDifference, ...]
    objects: tuple[ObjectDifference, ...]
    totals: Totals
    commits: tuple[CommitSummary, ...]
    commits_missing: int


class DroppedTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table that is no more.

    Attributes:
        schema: The name of its schema when it was dropped.
        table: Its name when it was dropped.
        table_id: Its id.
        dropped_by: The snapshot that dropped it.
        dropped_at: When that was committed; None where that snapshot was expired.
        last_snapshot: The newest snapshot that still shows it; None where all of them were expired.
        rows: Live rows in it then; None where there is no such snapshot.
        exact: Whether that number is known; where it is not, it is one that can be.
        fewest: The fewest rows that it can have had then.
        most: The most rows that it can have had then; None where nobody knows.
        restore: The command that brings it back; empty where no snapshot shows it, or no repository is named.
    """

    schema: str
    table: str
    table_id: int
    dropped_by: int
    dropped_at: datetime | None
    last_snapshot: int | None
    rows: int | None
    exact: bool
    fewest: int
    most: int | None
    restore: str


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A table at a moment.

    Attributes:
        schema: The name of its schema.
        table: Its name.
        table_id: Its id.
        rows: Its live rows.
        exact: Whether that number is known; where it is not, it is one that can be.
        files: Live data files.
        bytes: Bytes of them.
        fewest: The fewest rows that it can have.
        most: The most rows that it can have; None where nobody knows.
    """

    schema: str
    table: str
    table_id: int
    rows: int
    exact: bool
    files: int
    bytes: int
    fewest: int
    most: int | None


class TablesResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.tables/1"):
    """The tables of a lake at a moment.

    Attributes:
        at: The moment.
        tables: Its tables, by name.
        dropped: The tables that were there before and are no more, the last one dropped first; None where they were
            not asked for.
    """

    at: Side
    tables: tuple[TableRow, ...]
    dropped: tuple[DroppedTable, ...] | None
