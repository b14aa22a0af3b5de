"""Rules about snapshots, and what the catalog says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from canvasback.catalog.image import Image
from canvasback.catalog.rules.rule import RESTORE, Fault, Repair, listed, rule
from canvasback.catalog.spec import KNOWN_VERSIONS
from canvasback.catalog.writing.edits import Edit


def _add_changes(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    rows = tuple({"snapshot_id": fault.ids[0], "changes_made": ""} for fault in faults)
    return [Edit("ducklake_snapshot_changes", rows=rows)]


@rule(
    "snapshot-without-changes",
    "error",
    explanation="A snapshot has no row that says what it changed. Commits look there for conflicts with others, and "
    "take it for one that changed nothing.",
    example="Somebody cleaned ducklake_snapshot_changes up by hand.",
    cure="Run heal: it adds a row that names no change.",
    repair=Repair("a row that names no change is added, which is how its absence is read already", _add_changes),
)
def snapshots_without_changes(image: Image) -> Iterator[Fault]:
    """Look for snapshots of which nothing says what they changed."""
    for (id_,) in image.rows(
        "SELECT DISTINCT snapshot_id FROM {ducklake_snapshot} s ANTI JOIN {ducklake_snapshot_changes} c "
        "USING (snapshot_id) ORDER BY 1"
    ):
        yield Fault(f"snapshot {id_}", "nothing says what it changed", ids=(id_,))


def _drop_changes(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    return [Edit("ducklake_snapshot_changes", keep=f"snapshot_id NOT IN ({listed(f.ids[0] for f in faults)})")]


@rule(
    "changes-without-snapshot",
    "warning",
    explanation="A row says what a snapshot changed that is not there. If the snapshot comes later, its commit fails "
    "because the row's number is taken.",
    example="Snapshots were deleted by hand instead of with ducklake_expire_snapshots.",
    cure="Run heal: it removes the row.",
    repair=Repair("the row is removed: no reader can reach a snapshot that is not there", _drop_changes),
)
def changes_without_snapshot(image: Image) -> Iterator[Fault]:
    """Look for changes of snapshots that are not there."""
    for (id_,) in image.rows(
        "SELECT DISTINCT snapshot_id FROM {ducklake_snapshot_changes} c ANTI JOIN {ducklake_snapshot} s "
        "USING (snapshot_id) ORDER BY 1"
    ):
        yield Fault(f"changes of snapshot {id_}", "there is no such snapshot", ids=(id_,))


_GIVEN_OUT = {
    "next_file_id": (("ducklake_data_file", "data_file_id"), ("ducklake_delete_file", "delete_file_id")),
    "next_catalog_id": (
        ("ducklake_schema", "schema_id"),
        ("ducklake_table", "table_id"),
        ("ducklake_view", "view_id"),
        ("ducklake_partition_info", "partition_id"),
    ),
}


def _raise_counters(image: Image, faults: Sequence[Fault]) -> list[Edit]:
    head = image.head()[0]
    changes = {str(fault.ids[0]): str(fault.ids[1]) for fault in faults}
    return [Edit("ducklake_snapshot", where=f"snapshot_id = {head}", changes=changes)]


@rule(
    "id-past-counter",
    "error",
    explanation="The newest snapshot would give out an id that is taken. The next commit fails, or its file is taken "
    "for another one.",
    example="A snapshot's row was restored or edited by hand.",
    cure="Run heal: it raises the counter.",
    repair=Repair(
        "the newest snapshot's counter is raised: which numbers come next is nothing a reader sees", _raise_counters
    ),
)
def ids_past_counters(image: Image) -> Iterator[Fault]:
    """Look for ids at or past the newest snapshot's counters."""
    head = image.head()[0]
    for counter, tables in _GIVEN_OUT.items():
        highest = " UNION ALL ".join(
            f"SELECT max({key}) AS id FROM ({image.tables[table].select})"
            for table, key in tables
            if table in image.tables
        )
        for next_, taken in image.rows(
            f"SELECT {counter}, (SELECT max(id) FROM ({highest})) AS taken FROM {{ducklake_snapshot}} s "
            f"WHERE snapshot_id = {head} AND taken >= {counter} LIMIT 1"
        ):
            yield Fault(f"snapshot {head}", f"{counter} is {next_}, and {taken} is taken", ids=(counter, taken + 1))


def _add_versions(_: Image, faults: Sequence[Fault]) -> list[Edit]:
    rows = tuple({"begin_snapshot": fault.ids[1], "schema_version": fault.ids[0]} for fault in faults)
    return [Edit("ducklake_schema_versions", rows=rows)]


@rule(
    "schema-version-missing",
    "warning",
    explanation="A snapshot's version of the schema is not among those that the catalog lists. DuckLake looks there "
    "when it has to know since when a version holds, as compaction does.",
    example="The catalog was written by two versions of DuckLake, or edited by hand.",
    cure="Run heal: it adds the version from its first snapshot on.",
    repair=Repair("the version is added, from the first snapshot on that has it", _add_versions),
)
def missing_schema_versions(image: Image) -> Iterator[Fault]:
    """Look for versions of the schema that nothing lists."""
    if "ducklake_schema_versions" not in image.tables or image.has("ducklake_schema_versions", "table_id"):
        return
    for version, first in image.rows(
        "SELECT schema_version, min(snapshot_id) FROM {ducklake_snapshot} s ANTI JOIN {ducklake_schema_versions} v "
        "USING (schema_version) GROUP BY 1 ORDER BY 1"
    ):
        yield Fault(f"snapshot {first}", f"its schema version {version} is not listed", ids=(version, first))


@rule(
    "metadata-missing",
    "error",
    explanation="DuckLake refuses to attach a catalog that does not say which version it is of, or finds no file "
    "where nothing says where they are.",
    example="ducklake_metadata was edited by hand.",
    cure=RESTORE,
)
def missing_metadata(image: Image) -> Iterator[Fault]:
    """Look for what the catalog must say of itself."""
    for key in ("version", "data_path"):
        if image.metadata(key) is None:
            yield Fault("ducklake_metadata", f"has no {key}")


@rule(
    "unknown-version",
    "warning",
    explanation="The catalog's version of DuckLake is newer than this release of Canvasback, whose rules may not hold "
    "for it.",
    example="The lake was migrated by a newer extension.",
    cure="Install a newer release of Canvasback when there is one.",
)
def unknown_version(image: Image) -> Iterator[Fault]:
    """See whether the catalog is of a version that is known."""
    version = image.metadata("version")
    if version is not None and version not in KNOWN_VERSIONS:
        yield Fault("ducklake_metadata", f"the version is {version}")


RULES = (
    snapshots_without_changes,
    changes_without_snapshot,
    ids_past_counters,
    missing_schema_versions,
    missing_metadata,
    unknown_version,
)
