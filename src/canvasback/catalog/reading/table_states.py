"""The tables of an image at one snapshot: their files and how many rows they hold, from the catalog alone.

Live rows are those of the visible data files, less those of the visible files of deletes, plus the visible inlined
rows, less the inlined deletes. Three things can hide a number, and are told:

- A file that compaction or a flush made of several snapshots' rows is visible from the first of them on. DuckLake
  0.3 lists after how many rows each snapshot ends; what a 0.3 flush and all of 1.0 write names the last snapshot
  only, and what the file showed between the two stands in the file alone. The same holds for files of deletes.
- A flush of 0.3 forgets the inlined rows that were deleted before it, and a rewrite of several files the rows that
  were deleted from them, for some snapshots before.

All functions want an image in DuckDB's dialect, see `canvasback.catalog.dialects.in_dialect`.
Source: the extension's `GetFilesForTable`, `ParsePartialFileInfo`, `GetCompactionChanges` and `DeleteInlinedData`.
"""

from __future__ import annotations

from canvasback.catalog.image import Image
from canvasback.catalog.reading.deletes import forgotten_deletes, late_deletes
from canvasback.catalog.reading.inlined import inlined_deletes, inlined_tables, own_column
from canvasback.catalog.reading.visible import visible
from canvasback.model.table_state import TableState

__all__ = ["MARK", "shown_files", "forgotten", "inlined_select", "partial_rows", "table_states", "visible"]

MARK = "partial_max:"
"""How 0.3 begins what it says of a file whose newest snapshot is all that is known."""


def table_states(image: Image, snapshot: int) -> tuple[TableState, ...]:
    """Every table that a snapshot sees, with its rows, by schema and name.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: A ``snapshot_id``; one that the image does not hold gives what its rows still say of it.
    """
    rows = image.rows(
        f"""
        WITH counted AS (
            SELECT table_id, count(*) AS files, sum(bytes) AS bytes, sum(rows - deletes) AS rows,
                bool_and(exact) AS exact, sum(fewest) AS fewest, sum(most) AS most
            FROM ({shown_files(image, snapshot)}) GROUP BY table_id
        ), inlined AS (
            SELECT table_id, count(*) AS rows FROM ({inlined_select(image, snapshot)}) GROUP BY table_id
        )
        SELECT s.schema_name, t.table_name, t.table_id, CAST(t.table_uuid AS VARCHAR),
            coalesce(c.rows, 0) + coalesce(i.rows, 0), coalesce(c.exact, true), coalesce(c.files, 0),
            coalesce(c.bytes, 0), coalesce(c.fewest, 0) + coalesce(i.rows, 0), coalesce(c.most, 0) + coalesce(i.rows, 0)
        FROM {{ducklake_table}} t JOIN {{ducklake_schema}} s ON s.schema_id = t.schema_id AND {visible("s", snapshot)}
        LEFT JOIN counted c ON c.table_id = t.table_id LEFT JOIN inlined i ON i.table_id = t.table_id
        WHERE {visible("t", snapshot)} ORDER BY 1, 2
        """
    )
    lost, back = forgotten(image, snapshot), forgotten_deletes(image, snapshot)
    states = []
    for schema, table, id_, uuid, count, exact, files, bytes_, *bounds in rows:
        known = exact and id_ not in lost and id_ not in back
        fewest, most = max(0, int(bounds[0]) - back.get(id_, 0)), int(bounds[1])
        near = min(max(int(count), fewest), most)
        state = TableState(
            schema=str(schema),
            table=str(table),
            table_id=int(id_),
            uuid=str(uuid),
            rows=near,
            rows_exact=known,
            files=files,
            bytes=int(bytes_),
            fewest=fewest,
            most=None if id_ in lost else most,
        )
        states.append(state)
    return tuple(states)


def shown_files(image: Image, snapshot: int, where: str = "") -> str:
    """A SELECT of the data files that a snapshot sees, with what it sees of them. Where they are, `named_files` tells.

    Its columns are ``table_id``, ``file_id``, ``path``, ``bytes``, ``begins``, ``ends``; ``last``, the newest
    snapshot whose rows are in it; ``rows`` before deletes; ``deletes``, and ``delete_mark``, which tells them from as
    many others; ``exact``, whether the two are known; ``fewest`` and ``most``, the live rows that it can have;
    ``anonymous``, whether its row ids stand in the file
    alone, as those of rewritten files do; ``splits``, what 0.3 says of rows of several snapshots; and ``merged``,
    whether it may have such rows.

    Args:
        image: The catalog in DuckDB's dialect.
        snapshot: A ``snapshot_id``.
        where: A condition on files as ``f`` in place of that the snapshot sees them.
    """
    last, rows, exact = partial_rows(image, snapshot)
    splits = "f.partial_file_info" if _splits(image) else "CAST(NULL AS VARCHAR)"
    merged = "f.partial_max" if image.has("ducklake_data_file", "partial_max") else splits
    read = image.deletes.get(snapshot, {})
    counted = {file_id: read.get(file_id, (0, None)) for file_id in late_deletes(image, snapshot)}
    listed = ", ".join(f"({id_}, {fewest}, {'NULL' if most is None else most})"
                       for id_, (fewest, most) in counted.items())  # fmt: skip
    told = f"(VALUES {listed or '(-1, 0, 0)'}) k(delete_file_id, fewest, most)"
    deletes = f"""
        SELECT d.data_file_id AS file_id, sum(coalesce(k.most, d.delete_count)) AS deletes, max(d.path) AS path,
            sum(coalesce(k.fewest, d.delete_count)) AS fewest,
            sum(coalesce(k.fewest, d.delete_count)) = sum(coalesce(k.most, d.delete_count)) AS exact
        FROM ({image.tables["ducklake_delete_file"].select}) d LEFT JOIN {told} USING (delete_file_id)
        WHERE {visible("d", snapshot)} GROUP BY 1
    """
    return f"""
        SELECT f.table_id, f.data_file_id AS file_id, f.path, f.file_size_bytes AS bytes,
            f.begin_snapshot AS begins, f.end_snapshot AS ends, {last} AS last, {rows} AS rows,
            coalesce(d.deletes, 0) + coalesce(i.deletes, 0) AS deletes, {exact} AND coalesce(d.exact, true) AS exact,
            f.row_id_start IS NULL AS anonymous, {splits} AS splits, {merged} IS NOT NULL AS merged,
            concat_ws('+', d.path, i.rows) AS delete_mark,
            greatest(0, CASE WHEN {exact} THEN {rows} ELSE 0 END - coalesce(d.deletes, 0) - coalesce(i.deletes, 0))
                AS fewest, {rows} - coalesce(d.fewest, 0) - coalesce(i.deletes, 0) AS most
        FROM ({image.tables["ducklake_data_file"].select}) f LEFT JOIN ({deletes}) d ON d.file_id = f.data_file_id
        LEFT JOIN ({_inlined_deletes(image, snapshot)}) i ON i.file_id = f.data_file_id
        WHERE {where or visible("f", snapshot)}
    """


def inlined_select(image: Image, snapshot: int) -> str:
    """A SELECT of the inlined rows that a snapshot sees: ``table_id``, ``row_id``, ``begins``."""
    parts = []
    for name, table_id, _ in inlined_tables(image):
        row_id, begin, end = (
            own_column(image, name, column) for column in ("row_id", "begin_snapshot", "end_snapshot")
        )
        parts.append(
            f"SELECT {table_id} AS table_id, {row_id} AS row_id, {begin} AS begins "
            f"FROM ({image.tables[name].select}) x "
            f"WHERE {begin} <= {snapshot} AND ({end} IS NULL OR {end} > {snapshot})"
        )
    return " UNION ALL ".join(parts) or "SELECT 0 AS table_id, 0 AS row_id, 0 AS begins WHERE false"


def forgotten(image: Image, snapshot: int) -> set[int]:
    """The tables of which a flush or a rewrite of 0.3 forgot, or may have forgotten, rows that a snapshot saw.

    A rewrite of several files begins them all where rows of the last of them were deleted. What was deleted from the
    others later is missing too early, and their files of deletes end before they begin.
    """
    rewritten = image.rows(
        "SELECT DISTINCT table_id FROM {ducklake_delete_file} d "
        f"WHERE end_snapshot <= {snapshot} AND begin_snapshot > {snapshot}"
    )
    return {int(id_) for (id_,) in rewritten} | _flushed(image, snapshot)


def _flushed(image: Image, snapshot: int) -> set[int]:
    if not _splits(image) or "ducklake_inlined_data_tables" not in image.tables:
        return set()
    changes = image.rows(
        "SELECT snapshot_id, string_split(changes_made, ',') FROM {ducklake_snapshot_changes} c "
        f"WHERE snapshot_id > {snapshot} AND contains(changes_made, 'inlined') ORDER BY 1"
    )
    later = {
        int(id_)
        for (id_,) in image.rows(f"SELECT snapshot_id FROM {{ducklake_snapshot}} s WHERE snapshot_id > {snapshot}")
    }
    head = max(later, default=snapshot)
    if len(later) < head - snapshot:  # what was expired may have been a flush
        tables = "SELECT table_id FROM {ducklake_inlined_data_tables} i"
        return {int(id_) for (id_,) in image.rows(tables)}
    deleted: set[int] = set()
    lost: set[int] = set()
    for _, entries in changes:
        for kind, _, value in (entry.partition(":") for entry in entries):
            if kind == "flushed_inlined" and value.isdigit() and int(value) in deleted:
                lost.add(int(value))
        deleted |= {int(v) for k, _, v in (e.partition(":") for e in entries) if k == "inlined_delete" and v.isdigit()}
    return lost


def _inlined_deletes(image: Image, snapshot: int) -> str:
    """A SELECT of the deletes of rows of files that are inlined: ``file_id``, ``deletes``, ``rows`` (a hash)."""
    parts = []
    for name in inlined_deletes(image):
        begin = own_column(image, name, "begin_snapshot")
        parts.append(
            f"SELECT file_id, count(*) AS deletes, bit_xor(hash(row_id, {begin})) AS rows "
            f"FROM ({image.tables[name].select}) x WHERE {begin} <= {snapshot} GROUP BY 1"
        )
    return " UNION ALL ".join(parts) or "SELECT 0 AS file_id, 0 AS deletes, 0 AS rows WHERE false"


def _splits(image: Image) -> bool:
    return image.has("ducklake_data_file", "partial_file_info")


def partial_rows(image: Image, snapshot: int) -> tuple[str, str, str]:
    """Expressions on a data file ``f``: its rows' newest snapshot, how many a snapshot sees, whether that is known."""
    if image.has("ducklake_data_file", "partial_max"):
        last = "coalesce(f.partial_max, f.begin_snapshot)"
        return last, "f.record_count", f"({last} <= {snapshot})"
    if not _splits(image):
        return "f.begin_snapshot", "f.record_count", "true"
    splits = "string_split(f.partial_file_info, '|')"
    of_split = "CAST(string_split(e, ':')[{}] AS BIGINT)"
    marked = f"starts_with(f.partial_file_info, '{MARK}')"
    upto = f"list_max([{of_split.format(2)} for e in {splits} if {of_split.format(1)} <= {snapshot}])"
    newest = f"CASE WHEN {marked} THEN CAST(substr(f.partial_file_info, {len(MARK) + 1}) AS BIGINT) "
    newest += f"WHEN f.partial_file_info IS NULL THEN f.begin_snapshot ELSE list_max([{of_split.format(1)} "
    newest += f"for e in {splits}]) END"
    rows = f"CASE WHEN f.partial_file_info IS NULL OR {marked} THEN f.record_count ELSE coalesce({upto}, 0) END"
    return newest, rows, f"(NOT coalesce({marked}, false) OR {newest} <= {snapshot})"
