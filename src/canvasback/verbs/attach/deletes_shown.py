"""Deletes whose numbers are not true, shown with the true ones, without a new file.

DuckLake applies inlined deletes like those of files, and a catalog may be of views. So a view of inlined deletes reads
the delete file and puts the numbers right, and the file is not named as one.
"""

from __future__ import annotations

from collections.abc import Mapping

from canvasback.catalog.image import Image
from canvasback.catalog.reading.deletes import late_deletes
from canvasback.catalog.spec import SNAPSHOT_ID
from canvasback.catalog.writing.edits import Edit, edited
from canvasback.datapath.file_sources import FileSources
from canvasback.model.finding import Finding, Findings
from canvasback.model.relation import Column, Relation, file_literal, identifier
from canvasback.parquet.deletes_at import deletes_then


def with_true_deletes(image: Image, past: Image, snapshot: int, sources: FileSources, findings: Findings) -> Image:
    """A catalog at a snapshot, with the deletes of such files as inlined ones.

    Args:
        image: The catalog as it is, in DuckDB's dialect.
        past: The same at the snapshot.
        snapshot: The snapshot.
        sources: Where the files are that the relations read.
        findings: Gets what cannot be told, or not be shown.
    """
    late = late_deletes(image, snapshot)
    then = deletes_then(image, snapshot, late, sources)
    findings.extend(then.findings)
    wrong = {id_: commits for id_, commits in then.commits.items() if any(n <= snapshot for n in commits)}
    files = {source.file_id: source for source in sources.find("delete", wrong)}
    rows = image.rows(
        "SELECT delete_file_id, table_id, data_file_id, encryption_key FROM {ducklake_delete_file} f "
        f"WHERE delete_file_id IN ({', '.join(map(str, wrong)) or 'NULL'}) ORDER BY 1"
    )
    shown: dict[int, list[str]] = {}
    for file_id, table_id, data_file_id, key in rows:
        if key is not None:  # the view would have to name the key
            findings.add(
                Finding(
                    "deletes-too-early",
                    "warning",
                    files[file_id].place,
                    _said(wrong[file_id], snapshot),
                    "The file is encrypted, so that the true number cannot be shown. A point that was made at that "
                    "very snapshot has it: run list, and name it.",
                )
            )
            continue
        cases = " ".join(f"WHEN {number} THEN {commit}" for number, commit in sorted(wrong[file_id].items()))
        source = f"read_parquet({file_literal(files[file_id].place)}, hive_partitioning = false)"
        shown.setdefault(table_id, []).append(
            f"SELECT {data_file_id}::BIGINT, pos, (CASE {SNAPSHOT_ID} {cases} ELSE {SNAPSHOT_ID} END)::BIGINT "
            f"FROM {source}"
        )
        past = edited(past, [Edit("ducklake_delete_file", keep=f"delete_file_id <> {file_id}")])
    for file_id, (_, rows_of_file) in then.rows.items():  # DuckLake counts by the catalog, see `rows_shown`
        if file_id not in wrong:
            of = f"delete_file_id = {file_id}"
            past = edited(past, [Edit("ducklake_delete_file", where=of, changes={"delete_count": str(rows_of_file)})])
    for table_id, selects in shown.items():
        name = f"ducklake_inlined_delete_{table_id}"
        columns = tuple(Column(column, "BIGINT") for column in ("file_id", "row_id", "begin_snapshot"))
        there = past.tables.get(name)
        if there is not None:
            columns = there.columns
            selects.append(there.select)
        names = ", ".join(identifier(column.name) for column in columns)
        select = f"SELECT * FROM ({' UNION ALL '.join(selects)}) x({names})"
        past = past.transformed({name: Relation(name, columns, select)})
    return past


def _said(commits: Mapping[int, int], snapshot: int) -> str:
    number, commit = next((n, c) for n, c in sorted(commits.items()) if n <= snapshot)
    return f"says that snapshot {number} deleted rows that snapshot {commit} deleted"
