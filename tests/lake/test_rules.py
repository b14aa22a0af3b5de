"""Each rule of catalogs is broken by hand in a real lake: check names that one, and its cure brings the truth back."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback.catalog.rules import RULES
from tests.lake.builder import Contents, Lake, read
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

HISTORY = (
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'one ' || i FROM range(20) r(i)",
    "INSERT INTO lake.t SELECT i, 'two ' || i FROM range(20, 50) r(i)",
    "DELETE FROM lake.t WHERE i % 7 = 3 AND i < 20",
    "INSERT INTO lake.t VALUES (100, 'inlined')",
    "CREATE TABLE lake.u (d DATE, n BIGINT)",
    "ALTER TABLE lake.u SET PARTITIONED BY (d)",
    "INSERT INTO lake.u SELECT DATE '2026-01-01' + (i % 2)::INTEGER, i FROM range(10) r(i)",
    "CREATE VIEW lake.v AS SELECT 1 AS one",
    'CREATE SCHEMA lake."o dd"',
    'CREATE TABLE lake."o dd".w AS SELECT i AS k FROM range(9) r(i)',
    "CREATE TABLE lake.m (i INTEGER)",
    *(f"INSERT INTO lake.m SELECT * FROM range({low}, {low + 5})" for low in (0, 5, 10)),
    "CALL ducklake_merge_adjacent_files('lake')",
    "CREATE TABLE lake.gone AS SELECT i FROM range(9) r(i)",
    "DROP TABLE lake.gone",
)  # fmt: skip

HEAD = "(SELECT max(snapshot_id) FROM ducklake_snapshot)"
WITH_DELETES = "(SELECT min(data_file_id) FROM ducklake_delete_file)"


def table(name: str) -> str:
    """The id of a table, in SQL."""
    return f"(SELECT min(table_id) FROM ducklake_table WHERE table_name = '{name}')"


def newest(name: str) -> str:
    """The id of a table's newest file, in SQL."""
    return f"(SELECT max(data_file_id) FROM ducklake_data_file WHERE table_id = {table(name)})"


def unkeyed(name: str) -> str:
    """Make a table anew without its primary key, as a copy of the catalog does."""
    return f"CREATE TABLE other AS SELECT * FROM {name}; DROP TABLE {name}; ALTER TABLE other RENAME TO {name}"


@dataclass(frozen=True)
class Damage:
    """A damage.

    Attributes:
        code: What check says.
        where: Where, in check's words.
        table: The lake's table of which it is said.
        sql: What does it. ``{inlined}`` is the table of inlined rows of the lake's table.
        also: What else is said, as it cannot be otherwise.
        round: With which others it is made where many are made at once: of one round, none hides another.
    """

    code: str
    where: str
    table: str
    sql: str
    also: frozenset[str] = frozenset()
    round: int = 0

    @property
    def cured(self) -> bool:
        """Whether its rule has a repair."""
        (rule,) = (rule for rule in RULES if rule.kind.code == self.code)
        return rule.repair is not None


NO_KEY = frozenset({"primary-key-missing"})

DAMAGES = [
    Damage("duplicate-row", "data file 0", "main.t", unkeyed("ducklake_data_file") + "; INSERT INTO ducklake_data_file "
           "SELECT * FROM ducklake_data_file WHERE data_file_id = 0",
           frozenset({"primary-key-missing", "path-in-two-rows", "row-ids-overlap"})),
    Damage("duplicate-id", "snapshot 2", "", unkeyed("ducklake_snapshot") + "; INSERT INTO ducklake_snapshot "
           "SELECT snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id + 1 "
           "FROM ducklake_snapshot WHERE snapshot_id = 2", NO_KEY),
    Damage("primary-key-missing", "ducklake_snapshot", "", unkeyed("ducklake_snapshot")),
    Damage("snapshot-without-changes", "snapshot 3", "",
           "DELETE FROM ducklake_snapshot_changes WHERE snapshot_id = 3"),
    Damage("changes-without-snapshot", "changes of snapshot 99", "",
           "INSERT INTO ducklake_snapshot_changes (snapshot_id, changes_made) VALUES (99, '')"),
    Damage("id-past-counter", "snapshot 18", "",
           f"UPDATE ducklake_snapshot SET next_file_id = 1 WHERE snapshot_id = {HEAD}"),
    Damage("id-past-counter", "snapshot 18", "",
           f"UPDATE ducklake_snapshot SET next_catalog_id = 1 WHERE snapshot_id = {HEAD}"),
    Damage("metadata-missing", "ducklake_metadata", "", "DELETE FROM ducklake_metadata WHERE key = 'data_path'"),
    Damage("unknown-version", "ducklake_metadata", "",
           "UPDATE ducklake_metadata SET value = '9.9' WHERE key = 'version'"),
    Damage("range-reversed", "data file 1", "main.t",
           "UPDATE ducklake_data_file SET end_snapshot = begin_snapshot WHERE data_file_id = 1"),
    Damage("range-past-head", "data file 1", "main.t",
           "UPDATE ducklake_data_file SET begin_snapshot = 99 WHERE data_file_id = 1"),
    Damage("range-past-head", "column 2", "main.t", "UPDATE ducklake_column SET end_snapshot = 99 "
           f"WHERE column_id = 2 AND table_id = {table('t')}"),
    Damage("range-past-head", "view 4", "", "UPDATE ducklake_view SET end_snapshot = 99"),
    Damage("ranges-overlap", "table 1", "main.t", "INSERT INTO ducklake_table (table_id, begin_snapshot, "
           "end_snapshot, schema_id, table_name) VALUES (1, 2, 3, 0, 'earlier')"),
    Damage("ranges-overlap", "column 1", "main.t", "INSERT INTO ducklake_column (column_id, begin_snapshot, "
           "end_snapshot, table_id, column_order, column_name, column_type) VALUES (1, 2, 3, 1, 1, 'j', 'int32')"),
    Damage("duplicate-name", "table T", "main.T", "UPDATE ducklake_table SET table_name = 'T' WHERE table_name = 'u'"),
    Damage("duplicate-name", "table u", "main.u", "UPDATE ducklake_view SET view_name = 'u'"),
    Damage("duplicate-name", "column I", "main.t", "UPDATE ducklake_column SET column_name = 'I' "
           f"WHERE column_name = 's' AND table_id = {table('t')}", frozenset({"inlined-columns-differ"})),
    Damage("duplicate-name", "schema MAIN", "",
           "UPDATE ducklake_schema SET schema_name = 'MAIN' WHERE schema_name = 'o dd'"),
    Damage("live-in-dropped-table", "ducklake_data_file", "main.gone",
           f"UPDATE ducklake_data_file SET end_snapshot = NULL WHERE table_id = {table('gone')}"),
    Damage("live-in-dropped-table", "ducklake_column", "main.gone",
           f"UPDATE ducklake_column SET end_snapshot = NULL WHERE table_id = {table('gone')}"),
    Damage("table-in-dropped-schema", "table w", "o dd.w",
           f"UPDATE ducklake_schema SET end_snapshot = {HEAD} WHERE schema_name = 'o dd'"),
    Damage("table-without-columns", "table w", "o dd.w",
           f"UPDATE ducklake_column SET end_snapshot = {HEAD} WHERE table_id = {table('w')}"),
    Damage("parent-missing", "ducklake_delete_file", "main.t", "UPDATE ducklake_delete_file SET data_file_id = 77"),
    Damage("parent-missing", "ducklake_data_file", "main.t",
           "UPDATE ducklake_data_file SET mapping_id = 77 WHERE data_file_id = 0"),
    Damage("parent-missing", "ducklake_view", "", "UPDATE ducklake_view SET schema_id = 77"),
    Damage("orphan-row", "ducklake_file_column_stats", "main.t",
           "INSERT INTO ducklake_file_column_stats (data_file_id, table_id, column_id) VALUES (77, 1, 1)"),
    Damage("orphan-row", "ducklake_table_stats", "table 77",
           "INSERT INTO ducklake_table_stats (table_id, record_count, next_row_id) VALUES (77, 1, 1)"),
    Damage("path-in-two-rows", "data file 0", "main.t", "UPDATE ducklake_data_file SET path = (SELECT path FROM "
           "ducklake_data_file WHERE data_file_id = 0) WHERE data_file_id = 1"),
    Damage("scheduled-but-needed", "data file 1", "main.t", "INSERT INTO ducklake_files_scheduled_for_deletion "
           "SELECT data_file_id, 'main/t/' || path, path_is_relative, (SELECT min(snapshot_time) FROM "
           "ducklake_snapshot) FROM ducklake_data_file WHERE data_file_id = 1"),
    Damage("impossible-number", "data file 1", "main.t",
           "UPDATE ducklake_data_file SET file_size_bytes = -1 WHERE data_file_id = 1"),
    Damage("impossible-number", "delete file 2", "main.t",
           "UPDATE ducklake_delete_file SET footer_size = file_size_bytes + 1"),
    Damage("two-delete-files", "data file 0", "main.t", "INSERT INTO ducklake_delete_file (delete_file_id, table_id, "
           "begin_snapshot, data_file_id, path, path_is_relative, format, delete_count, file_size_bytes, footer_size) "
           "SELECT 0, table_id, begin_snapshot, data_file_id, 'other', path_is_relative, format, delete_count, "
           "file_size_bytes, footer_size FROM ducklake_delete_file"),
    Damage("more-deletes-than-rows", "delete file 2", "main.t", "UPDATE ducklake_delete_file SET delete_count = 1000"),
    Damage("more-deletes-than-rows", "delete file 2", "main.u",
           f"UPDATE ducklake_delete_file SET table_id = {table('u')}"),
    Damage("partition-values", "data file 5", "main.u",
           f"DELETE FROM ducklake_file_partition_value WHERE data_file_id = {newest('u')}"),
    Damage("row-id-past-counter", "ducklake_table_stats", "main.t",
           f"UPDATE ducklake_table_stats SET next_row_id = 7 WHERE table_id = {table('t')}"),
    Damage("row-ids-overlap", "data file 1", "main.t",
           "UPDATE ducklake_data_file SET row_id_start = 19 WHERE data_file_id = 1"),
    Damage("table-stats-missing", "ducklake_table_stats", "main.t",
           f"DELETE FROM ducklake_table_stats WHERE table_id = {table('t')}", round=1),
    Damage("column-stats-missing", "ducklake_table_column_stats", "main.t",
           f"DELETE FROM ducklake_table_column_stats WHERE table_id = {table('t')}"),
    Damage("table-bounds-unfit", "column 1", "main.t", "UPDATE ducklake_table_column_stats SET max_value = 'zebra' "
           f"WHERE table_id = {table('t')} AND column_id = 1", round=1),
    Damage("table-bounds-hide-rows", "column 1", "main.t", "UPDATE ducklake_table_column_stats SET max_value = '3' "
           f"WHERE table_id = {table('t')} AND column_id = 1", round=2),
    Damage("file-bounds-unfit", "data file 1", "main.t", "UPDATE ducklake_file_column_stats SET min_value = 'zebra' "
           "WHERE data_file_id = 1 AND column_id = 1"),
    Damage("file-bounds-unfit", "data file 5", "main.u", "UPDATE ducklake_file_column_stats SET min_value = '9999' "
           "WHERE data_file_id = 5 AND column_id = 2"),
    Damage("inlined-table-missing", "{inlined}", "main.u", "DROP TABLE {inlined}"),
    Damage("inlined-table-twice", "{inlined}", "main.t", "INSERT INTO ducklake_inlined_data_tables "
           "SELECT * FROM ducklake_inlined_data_tables WHERE table_name = '{inlined}'"),
    Damage("inlined-columns-differ", "{inlined}", "main.u", "ALTER TABLE {inlined} RENAME COLUMN n TO other",
           round=1),
    Damage("inlined-table-unknown", "{inlined}", "main.t",
           "DELETE FROM ducklake_inlined_data_tables WHERE table_name = '{inlined}'"),
]  # fmt: skip

OF_OLD = [
    Damage("schema-version-missing", "snapshot 6", "", "DELETE FROM ducklake_schema_versions WHERE begin_snapshot = 6"),
    Damage("partial-rows", "data file 10", "main.m",
           "UPDATE ducklake_data_file SET partial_file_info = '13:9|14:5' WHERE partial_file_info IS NOT NULL"),
]  # fmt: skip
"""Damages of what catalogs of 1.0 do not have: its versions of the schema are each table's, and the rows of a merged
file tell their snapshots themselves."""


@dataclass(frozen=True)
class Sound:
    """A lake, a point of it, and what it holds."""

    lake: Lake
    engine: Engine
    point: str
    truth: Contents
    inlined: dict[str, str]

    def copy(self, folder: Path, postgres: Server) -> str:
        """A copy of the catalog, over the same files: what to attach."""
        if self.engine != "postgres":
            path = self.lake.attach.rpartition(":")[2]
            return self.lake.attach.replace(path, str(shutil.copyfile(path, folder / "main.ducklake")))
        old = self.lake.attach.partition("dbname=")[2].split()[0]
        string = postgres.create()
        name = string.split()[0].removeprefix("dbname=")
        postgres.psql("postgres", f"DROP DATABASE {name}")
        postgres.psql("postgres", f"CREATE DATABASE {name} TEMPLATE {old}")
        return f"ducklake:postgres:{string}"


@pytest.fixture(scope="module")
def sound_once(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Callable[[Engine], Sound]:
    """Make the lake in an engine the first time that it is asked for."""
    return cache(lambda engine: make(engine, tmp_path_factory, postgres))


@pytest.fixture(params=ENGINES)
def sound(request: pytest.FixtureRequest, sound_once: Callable[[Engine], Sound]) -> Sound:
    """A lake with all that rules speak of."""
    return sound_once(request.param)


def make(engine: Engine, tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Sound:
    """Write and save it."""
    lake = Lake(tmp_path_factory.mktemp("sound") / "lake", options=("DATA_INLINING_ROW_LIMIT 2",))
    lake.elsewhere = attach_string(engine, lake.folder, postgres)
    lake.run(*HISTORY)
    point = lake.backup().point
    assert canvasback.check(lake.attach, level="rows").findings == ()
    inlined = {}
    for name, sql in (("main.t", table("t")), ("main.u", table("u"))):
        query = f"SELECT max(table_name) FROM ducklake_inlined_data_tables WHERE table_id = {sql}"
        inlined[name] = ask(lake.attach, query, postgres)
    return Sound(lake, engine, point, lake.read(), inlined)


def ask(attach: str, query: str, postgres: Server) -> str:
    """Run statements on a catalog, and answer what the last one gives first."""
    if attach.startswith("ducklake:postgres:"):
        return postgres.psql(attach.partition("dbname=")[2].split()[0], query).strip()
    path = attach.rpartition(":")[2]
    answer = None
    with closing(sqlite3.connect(path) if ":sqlite:" in attach else duckdb.connect(path)) as database:
        for statement in query.split("; "):
            answer = database.execute(statement).fetchone()
        database.commit()
    return str(answer[0]) if answer else ""


def do(damage: Damage, attach: str, sound: Sound, postgres: Server) -> None:
    """Damage a copy of the catalog."""
    ask(attach, damage.sql.replace("{inlined}", sound.inlined.get(damage.table, "")), postgres)


def are_named(damages: list[Damage], attach: str, sound: Sound) -> None:
    """See that check names these damages, and no others."""
    found = canvasback.check(attach, level="catalog").findings
    assert {finding.code for finding in found} == {code for damage in damages for code in (damage.code, *damage.also)}
    told = {(finding.code, finding.where, finding.table or "") for finding in found}
    for damage in damages:
        assert (
            damage.code,
            damage.where.replace("{inlined}", sound.inlined.get(damage.table, "")),
            damage.table,
        ) in told


@pytest.mark.parametrize(
    ("sound", "damage"),
    [
        pytest.param(engine, damage, marks=marks, id=f"{engine}-{damage.code}: {damage.sql[:40]}")
        for damages, marks in ((DAMAGES, ()), (OF_OLD, pytest.mark.previous))
        for engine in ENGINES
        for damage in damages
        if engine == "duckdb" or damage in OF_OLD or not damage.cured
    ],
    indirect=["sound"],
)
def test_a_damage_is_named_and_cured(damage: Damage, sound: Sound, tmp_path: Path, postgres: Server) -> None:
    attach = sound.copy(tmp_path, postgres)
    do(damage, attach, sound, postgres)

    are_named([damage], attach, sound)

    if damage.cured:
        # The point that it makes before is the same whatever the engine.
        repository = sound.lake.repository if sound.engine == "duckdb" else None
        healed = canvasback.heal(attach, repository, level="catalog")
        assert {repair.code for repair in healed.repairs} == {damage.code}
        is_cured(attach, sound, damage.also & NO_KEY)  # a key comes back with the catalog alone


@pytest.mark.parametrize("sound", ["duckdb"], indirect=True)
def test_a_catalog_comes_back_over_any_damage(sound: Sound, tmp_path: Path, postgres: Server) -> None:
    """Which is the cure of those that have no repair; how it comes back into other engines is not the rule's."""
    seen = set()
    for damage in [damage for damage in DAMAGES if not damage.cured]:
        attach = sound.copy(tmp_path, postgres)
        do(damage, attach, sound, postgres)
        canvasback.restore(attach, sound.lake.repository, sound.point, replace=True, shares_files=True)
        with duckdb.connect(attach.removeprefix("ducklake:"), read_only=True) as database:
            tables = database.execute("SELECT table_name, sql FROM duckdb_tables() ORDER BY ALL").fetchall()
            seen.add(str([(sql, sorted(map(str, database.table(name).fetchall()))) for name, sql in tables]))
    assert len(seen) == 1
    is_cured(attach, sound)


def is_cured(attach: str, sound: Sound, left: Collection[str] = ()) -> None:
    """See that nothing is wrong with a lake any more, but for what is left, and that it is what it was."""
    assert {finding.code for finding in canvasback.check(attach).findings} == {*left}
    assert read(attach) == sound.truth


@pytest.mark.parametrize("round_", range(3))
@pytest.mark.parametrize("sound", [engine for engine in ENGINES if engine != "duckdb"], indirect=True)
def test_many_damages_are_named_and_cured_at_once(round_: int, sound: Sound, tmp_path: Path, postgres: Server) -> None:
    """In each other engine all that has a repair: there it is new how a damage looks, and how what cures it is said."""
    damages = [damage for damage in DAMAGES if damage.cured and damage.round == round_]
    assert damages
    attach = sound.copy(tmp_path, postgres)
    for damage in damages:
        do(damage, attach, sound, postgres)

    are_named(damages, attach, sound)
    healed = canvasback.heal(attach, level="catalog")

    assert {repair.code for repair in healed.repairs} == {damage.code for damage in damages}
    is_cured(attach, sound, {code for damage in damages for code in damage.also & NO_KEY})


def saved_or_refused(table: str, attach: str, folder: Path) -> None:
    """See that a backup says what the catalog lacks, and so does whoever is asked for the point."""
    repository, back = str(folder / "repository"), f"ducklake:{folder}/back.ducklake"

    def save() -> canvasback.BackupResult:
        canvasback.init(attach, repository)
        return canvasback.backup(attach, repository)

    if table in {"ducklake_schema", "ducklake_table"}:  # without which nobody can say what lake it is, or has
        with pytest.raises(canvasback.LakeError, match=f" {table},") as refused:
            save()
        assert refused.value.code == "catalog-incomplete"
        return
    [said] = save().findings
    assert (said.code, said.where) == ("catalog-incomplete", table)
    restored = canvasback.restore(back, repository, data_path=str(folder / "files"))
    assert (said.code, said.where) in {(finding.code, finding.where) for finding in restored.findings}
    with pytest.raises(canvasback.RefusedError, match=table) as unreadable:
        canvasback.attach(repository, out=str(folder / "look.ducklake"))
    assert unreadable.value.code == "point-unreadable"
    assert set(canvasback.verify(repository, level="rows").finding_counts) <= {"catalog-incomplete"}
    for look in (canvasback.show, canvasback.tables):
        try:
            look(repository=repository)
        except canvasback.LakeError as error:
            assert (error.code, table in error.message) == ("catalog-incomplete", True)  # noqa: PT017 - some can be shown


@pytest.mark.versions
def test_a_catalog_without_one_of_its_tables_is_refused_by_name(tmp_path: Path) -> None:
    """DuckLake reads no table of it or writes none, and whatever was said of the rest would be wrong.

    All verbs open a lake by the same door, `open_lake`: each of them is tried without some of the tables.
    """
    lake = Lake(
        tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",)
    )  # what holds inlined rows has a rule of its own
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(9) r(i)", "DELETE FROM lake.t WHERE i = 3")
    lake.backup()
    with duckdb.connect(str(lake.catalog), read_only=True) as database:
        tables = [name for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
    assert len(tables) > 20
    damaged = tmp_path / "damaged.ducklake"
    attach = f"ducklake:{damaged}"
    acts: list[Callable[[], object]] = [
        lambda: canvasback.check(attach),
        lambda: canvasback.heal(attach, lake.repository),
        lambda: canvasback.salvage(attach),
        lambda: canvasback.salvage(attach, lake.repository),
        lambda: canvasback.rewind(attach, to_snapshot=1, safety_point=False),
        lambda: canvasback.restore_tables(attach, lake.repository, "main.t", as_name="main.back"),
    ]
    without = sorted(set(tables) - {"ducklake_metadata", "ducklake_snapshot"})  # without these it is no lake at all
    for number, name in enumerate(without):
        shutil.copyfile(lake.catalog, damaged)
        with duckdb.connect(str(damaged)) as database:
            database.execute(f"DROP TABLE {name}")
        before = damaged.read_bytes()
        with pytest.raises(canvasback.LakeError, match=f" {name},") as refused:
            acts[number % len(acts)]()
        assert refused.value.code == "catalog-incomplete"
        assert damaged.read_bytes() == before
        saved_or_refused(name, attach, tmp_path / name)
    canvasback.restore(attach, lake.repository, replace=True, shares_files=True)
    assert canvasback.check(attach).findings == ()


@pytest.mark.parametrize("column", ["ducklake_data_file.begin_snapshot", "ducklake_column.column_name"])
def test_rows_that_say_nothing_are_refused_by_name(column: str, sound: Sound, tmp_path: Path, postgres: Server) -> None:
    """Nobody would see such a file any more, and nobody would miss it."""
    table, _, name = column.partition(".")
    attach = sound.copy(tmp_path, postgres)
    ask(attach, f"UPDATE {table} SET {name} = NULL WHERE table_id = 1", postgres)
    for act in (canvasback.check, canvasback.heal, canvasback.salvage):
        with pytest.raises(canvasback.LakeError, match=f"{table} [23] rows without {name}") as refused:
            act(attach)
        assert refused.value.code == "catalog-incomplete"


def test_each_rule_has_a_damage() -> None:
    elsewhere = {"inlined-types-old", "deletes-too-early"}  # in files of their own: no statement alone makes them
    assert {damage.code for damage in [*DAMAGES, *OF_OLD]} | elsewhere == {rule.kind.code for rule in RULES}
