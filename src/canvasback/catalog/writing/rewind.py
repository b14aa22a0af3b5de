"""Taking a catalog back to one of its snapshots.

Most tables say of each row from which snapshot to which it holds, so going back is to forget rows that begin later
and ends that come later. What hangs on such rows goes with them. Not everything is versioned, and each thing that is
not has its own trap: see the functions.

The newest snapshot's ``next_catalog_id`` and ``next_file_id`` stay, so that no id is given out a second time: a new
table is never taken for one that was abandoned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.reading.deletes import folded_files, late_deletes
from canvasback.catalog.reading.files import KINDS, statistics_table
from canvasback.catalog.reading.inlined import inlined_deletes, inlined_tables, own_column
from canvasback.catalog.reading.table_states import partial_rows, visible
from canvasback.catalog.writing.edits import Edit, Value, literal_value
from canvasback.catalog.writing.moment_statistics import statistics_edits
from canvasback.catalog.writing.table_statistics import Replaced
from canvasback.model.relation import identifier, literal

_CHILDREN = (
    ("ducklake_file_column_stats", "data_file_id", "ducklake_data_file"),
    ("ducklake_file_column_statistics", "data_file_id", "ducklake_data_file"),
    ("ducklake_file_variant_stats", "data_file_id", "ducklake_data_file"),
    ("ducklake_file_partition_value", "data_file_id", "ducklake_data_file"),
    ("ducklake_partition_column", "partition_id", "ducklake_partition_info"),
    ("ducklake_sort_expression", "sort_id", "ducklake_sort_info"),
    ("ducklake_macro_parameters", "macro_id", "ducklake_macro"),
    ("ducklake_macro_impl", "macro_id", "ducklake_macro"),
    ("ducklake_column_mapping", "table_id", "ducklake_table"),
)
"""Tables without snapshots of their own: the key of the versioned table on which they hang."""

_TAGS = {"ducklake_tag": ("object_id",), "ducklake_column_tag": ("table_id", "column_id"),
         "ducklake_view_column_tag": ("view_id", "column_id")}  # fmt: skip


FileKey = tuple[str, int]
"""The kind of a file, ``data`` or ``delete``, and its id."""


class Cut(msgspec.Struct, frozen=True):
    """A file with rows of before and after a snapshot, and the file without the later ones that takes its place.

    Attributes:
        kind: ``data`` or ``delete``.
        file_id: Its id.
        name: The new file's name, in the folder of the old one.
        rows: Its rows.
        bytes: Its size.
        footer_bytes: The length of its Parquet footer.
        latest: The newest snapshot of which it has rows, if they are of several and say so themselves.
        splits: What 0.3's ``partial_file_info`` says of it, if its rows are of several snapshots and do not.
        stats: Of a file of rows, the statistics of its columns, as rows of ``ducklake_file_column_stats``.
    """

    kind: str
    file_id: int
    name: str
    rows: int
    bytes: int
    footer_bytes: int
    latest: int | None = None
    splits: str = ""
    stats: tuple[Mapping[str, Value], ...] = ()

    def described(self) -> dict[str, Value]:
        """What the catalog says of it, in columns of all versions, but for its path."""
        told = self.splits or (f"partial_max:{self.latest}" if self.latest is not None else None)
        return {
            "file_size_bytes": self.bytes,
            "footer_size": self.footer_bytes,
            "record_count" if self.kind == "data" else "delete_count": self.rows,
            "partial_max": self.latest,
            "partial_file_info": told,
        }


def rewind_edits(
    image: Image, snapshot: int, cuts: Sequence[Cut] = (), counted: Mapping[int, int] | None = None
) -> list[Edit]:
    """What makes of a catalog what it was at a snapshot, with all the history before it.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        snapshot: A snapshot that the catalog holds.
        cuts: Files that take the place of those which `straddling` lists. Without them the catalog is right for
            readers, but new snapshots would bring later rows of those files back.
        counted: How many rows of the data files which straddle it and are not cut the snapshot sees.
    """
    counted = counted or {}
    edits: list[Edit] = []
    edits += _children(image, snapshot, cuts)
    edits += _statistics(image, snapshot, cuts, counted)
    edits += _inlined(image, snapshot)
    edits += [_cut(image, cut) for cut in cuts]
    edits += [
        Edit("ducklake_data_file", where=f"data_file_id = {file_id}", changes={"record_count": str(rows)})
        for file_id, rows in counted.items()
    ]
    edits += _versioned(image, snapshot)
    edits += _snapshots(image, snapshot)
    return edits


def straddling(image: Image, snapshot: int) -> list[tuple[str, int]]:
    """The kind and id of each file that has rows of before and after a snapshot: what merged it was later.

    With a file of rows, its earlier deletes: they name rows by their places in it, which a cut moves.
    """
    rows = image.rows(
        f"SELECT data_file_id FROM {{ducklake_data_file}} f WHERE {visible('f', snapshot)} "
        f"AND {partial_rows(image, snapshot)[0]} > {snapshot} ORDER BY 1"
    )
    found = [("data", int(file_id)) for (file_id,) in rows]
    data = ", ".join(str(file_id) for _, file_id in found)
    found += [("delete", file_id) for file_id in late_deletes(image, snapshot)]
    if data:
        deletes = image.rows(
            "SELECT delete_file_id FROM {ducklake_delete_file} f "
            f"WHERE data_file_id IN ({data}) AND begin_snapshot <= {snapshot}"
        )
        found = sorted({*found, *(("delete", int(file_id)) for (file_id,) in deletes)})
    return found


def numbered_past(image: Image, snapshot: int, limit: int) -> list[tuple[str, int]]:
    """The kind and id of each file that a snapshot sees and whose rows have numbers of snapshots past a limit.

    Args:
        image: The catalog, with the types that a catalog in DuckDB has.
        snapshot: The snapshot.
        limit: The newest snapshot that the rows may speak of.
    """
    last, _, _ = partial_rows(image, snapshot)
    seen = visible("f", snapshot)
    rows = image.rows(
        f"SELECT data_file_id FROM {{ducklake_data_file}} f WHERE {seen} AND {last} > {limit} "
        f"AND {last} > begin_snapshot ORDER BY 1"
    )
    return [("data", int(file_id)) for (file_id,) in rows] + [
        ("delete", file.file_id)
        for file in folded_files(image, seen)
        if (file.made if file.newest is None else file.newest) > limit
    ]


def _children(image: Image, snapshot: int, cuts: Sequence[Cut]) -> Iterator[Edit]:
    """What hangs on rows that go away, or nothing would: an id without its parent means nothing."""
    if "ducklake_name_mapping" in image.tables:
        gone = f"SELECT mapping_id FROM {{ducklake_column_mapping}} m WHERE table_id IN ({_gone('table', snapshot)})"
        yield Edit("ducklake_name_mapping", keep=f"mapping_id NOT IN ({gone})")
    for table, key, parent in _CHILDREN:
        if table in image.tables and parent in image.tables:
            told = [cut for cut in cuts if cut.stats] if table == statistics_table(image) else []
            but = f" AND {key} NOT IN ({', '.join(str(cut.file_id) for cut in told)})" if told else ""
            rows = tuple({**row, key: cut.file_id} for cut in told for row in cut.stats)
            yield Edit(table, keep=f"{key} NOT IN ({_later(parent, key, snapshot)}){but}", rows=rows)
    if image.has("ducklake_metadata", "scope"):
        scopes = " OR ".join(
            f"(scope = '{scope}' AND scope_id IN ({_gone(scope, snapshot)}))" for scope in ("schema", "table")
        )
        yield Edit("ducklake_metadata", keep=f"scope IS NULL OR NOT ({scopes})")


def _statistics(image: Image, snapshot: int, cuts: Sequence[Cut], counted: Mapping[int, int]) -> Iterator[Edit]:
    """The statistics of tables, with what is true of the files that hold later rows too."""
    data = {cut.file_id: cut for cut in cuts if cut.kind == "data"}
    whole = [file_id for kind, file_id in straddling(image, snapshot) if kind == "data" and file_id not in data]
    listed = ", ".join(map(str, [*data, *whole]))
    tables = image.rows(
        "SELECT data_file_id, table_id, file_size_bytes FROM {ducklake_data_file} f "
        f"WHERE data_file_id IN ({listed or 'NULL'})"
    )
    replaced = [
        Replaced(int(table), int(file_id), data[file_id].stats if file_id in data else ())
        for file_id, table, _ in tables
    ]
    sizes = {file_id: (cut.rows, cut.bytes) for file_id, cut in data.items()}
    sizes |= {int(file_id): (counted[file_id], int(bytes_)) for file_id, _, bytes_ in tables if file_id in counted}
    yield from statistics_edits(image, snapshot, _gone("table", snapshot), replaced, sizes)


def _inlined(image: Image, snapshot: int) -> Iterator[Edit]:
    """Tables of inlined rows of schema versions to come: their names would be used again with other columns."""
    if "ducklake_inlined_data_tables" not in image.tables:
        return
    version = image.rows(f"SELECT schema_version FROM {{ducklake_snapshot}} s WHERE snapshot_id = {snapshot}")[0][0]
    gone = {table_id for (table_id,) in image.rows(_gone("table", snapshot))}
    every = inlined_tables(image, registered=False)
    there = [name for name, table_id, of in every if of <= version and table_id not in gone]
    shown = ", ".join(f"'{name}'" for name in there) or "''"
    yield Edit("ducklake_inlined_data_tables", keep=f"schema_version <= {version} AND table_name IN ({shown})")
    yield from (Edit(name, drop=True) for name, *_ in every if name not in there)
    yield from (Edit(name, drop=True) for name, table_id in inlined_deletes(image).items() if table_id in gone)


def _cut(image: Image, cut: Cut) -> Edit:
    table, key = KINDS[cut.kind]
    changes = {name: literal_value(value) for name, value in cut.described().items() if image.has(table, name)}
    changes["path"] = f"{_folder('path')} || {literal(cut.name)}"
    return Edit(table, where=f"{key} = {cut.file_id}", changes=changes)


def _versioned(image: Image, snapshot: int) -> Iterator[Edit]:
    """Rows that begin later go, and ends that come later.

    DuckLake 0.3 ends all older comments of an object again with each new one: not every comment whose end comes later
    was shown at the snapshot, only the last.
    """
    dropped = {edit.table for edit in _inlined(image, snapshot) if edit.drop}
    for name, relation in image.tables.items():
        begin, end = own_column(image, name, "begin_snapshot"), own_column(image, name, "end_snapshot")
        if name in dropped or not relation.has(begin):
            continue
        if not relation.has(end):
            yield Edit(name, keep=f"{begin} <= {snapshot}")
            continue
        changed = "NULL"
        if name in _TAGS:
            same = " AND ".join(f"o.{key} = {name}.{key}" for key in (*_TAGS[name], identifier("key")))
            changed = (
                f"(SELECT min(o.begin_snapshot) FROM {{{name}}} o WHERE {same} "
                f"AND o.begin_snapshot > {name}.begin_snapshot AND o.begin_snapshot <= {snapshot})"
            )
        yield Edit(name, keep=f"{begin} <= {snapshot}", where=f"{end} > {snapshot}", changes={end: changed})


def _snapshots(image: Image, snapshot: int) -> Iterator[Edit]:
    ids = image.rows("SELECT max(next_catalog_id), max(next_file_id) FROM {ducklake_snapshot} s")[0]
    keep = f"snapshot_id <= {snapshot}"
    yield Edit("ducklake_snapshot_changes", keep=keep)
    yield Edit(
        "ducklake_snapshot",
        keep=keep,
        where=f"snapshot_id = {snapshot}",
        changes={"next_catalog_id": str(ids[0]), "next_file_id": str(ids[1])},
    )


def _later(table: str, key: str, snapshot: int) -> str:
    """The ids that do not exist yet at the snapshot; a rename makes several rows of one id, except of a file's."""
    if table == KINDS["data"][0]:
        return f"SELECT {key} FROM {{{table}}} p WHERE begin_snapshot > {snapshot}"
    return f"SELECT {key} FROM {{{table}}} p GROUP BY {key} HAVING min(begin_snapshot) > {snapshot}"


def _gone(kind: str, snapshot: int) -> str:
    return _later(f"ducklake_{kind}", f"{kind}_id", snapshot)


def _folder(path: str) -> str:
    """An expression of the folder of a path, in the words that all engines have: what rtrim leaves of it."""
    return f"rtrim({path}, replace({path}, '/', ''))"
