"""Salvage whatever engine holds the catalog, and whatever the lake holds: odd names and values, strays, nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import canvasback
from canvasback import SalvageResult
from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.checks import STRAY_KINDS
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from tests.lake.builder import Contents, connect, contents, read, session
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.lake.test_salvage import told
from tests.lake.values import literal, tree_of
from tests.postgres import Server

SCALARS = {
    "boolean": "i % 2 = 0",
    "tinyint": "-i",
    "smallint": "i * 1000",
    "integer": "-i * 100000",
    "bigint": "i * 1000000000000",
    "hugeint": "(-i)::HUGEINT * 1000000000000",
    "utinyint": "i",
    "usmallint": "i * 5000",
    "uinteger": "i * 400000000",
    "ubigint": "i * 1800000000000000000::UBIGINT",
    "uhugeint": "i::UHUGEINT * 1800000000000000000",
    "float": "if(i = 4, 'nan'::FLOAT, i / 3)",
    "double": "if(i = 4, '-inf'::DOUBLE, i / -7)",
    "decimal(9, 3)": "i / 8",
    "decimal(38, 10)": "-i / 8",
    "date": "DATE '1969-12-30' + i::INTEGER",
    "time": "TIME '00:00:00.000001' + to_seconds(i)",
    "timetz": "'12:00:00+05:30'::TIMETZ",
    "timestamp": "TIMESTAMP '1969-12-31 23:59:59.999999' + to_hours(i)",
    "timestamp_s": "TIMESTAMP_S '1969-12-31 23:59:59'",
    "timestamp_ms": "TIMESTAMP_MS '1969-12-31 23:59:59.999'",
    "timestamp_ns": "TIMESTAMP_NS '2026-01-01 00:00:00.123456789'",
    "timestamptz": "TIMESTAMPTZ '2026-01-01 00:00:00+05:30' + to_hours(i)",
    "interval": "to_months(i) + to_microseconds(i)",
    "uuid": "('00000000-0000-4000-8000-00000000000' || i)::UUID",
    "varchar": "['', 'Ünïcödé ☂', 'a''b', 'new\nline', repeat('long ', 200)][i + 1]",
    "blob": r"if(i % 2 = 0, '\x00\xFF'::BLOB, ''::BLOB)",
    "json": "{'i': i}::JSON",
}
"""By type: values that depend on a number from 0 to 4."""

NARROWED = {"hugeint", "uhugeint", "timestamp_s"}
"""Types that files store as others, which only the catalog tells apart."""

NESTED = {
    "STRUCT(a INTEGER, b STRUCT(c VARCHAR, d DOUBLE[]))": "{'a': i, 'b': {'c': 'x' || i, 'd': [i, NULL]}}",
    "INTEGER[]": "if(i % 2 = 0, [i, NULL], [])",
    "VARCHAR[][]": "[['a'], NULL, ['b', 'c' || i]]",
    "STRUCT(k VARCHAR, v INTEGER)[]": "[{'k': 'x', 'v': i}]",
    "MAP(VARCHAR, INTEGER)": "MAP {'a': i}",
    "MAP(VARCHAR, STRUCT(e DATE, f INTEGER[]))": "MAP {'a': {'e': DATE '2026-01-01', 'f': [i]}}",
}
ODD = ["", " ", "a b", "a=b", "a/b", "100%", "%20", "ü☂", "__HIVE_DEFAULT_PARTITION__x", "it's", "..", "new\nline"]
"""Values of a column by which a table is partitioned."""

THIS = '"a.b.c"."it\'s ""this"""'

BEFORE = (
    "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
    "INSERT INTO lake.t SELECT i, 'v' || i FROM range(20) r(i)",
    'CREATE SCHEMA lake."odd name"',
    'CREATE SCHEMA lake."a.b.c"',
    'CREATE SCHEMA lake."Ü☂"',
    'CREATE TABLE lake."odd name".t (i INTEGER, "a ""quoted"" column" VARCHAR, "ü.x" DOUBLE)',
    f"CREATE TABLE lake.{THIS} AS SELECT i, i / 2 AS h FROM range(5) r(i)",
    'CREATE TABLE lake."Ü☂"."new\nline" (k VARCHAR, n INTEGER)',
    'ALTER TABLE lake."Ü☂"."new\nline" SET PARTITIONED BY (k)',
)
AFTER = (
    "INSERT INTO lake.t SELECT i, 'w' || i FROM range(20, 30) r(i)",
    "DELETE FROM lake.t WHERE i % 7 = 1",
    "UPDATE lake.t SET s = 'new ' || i WHERE i % 5 = 0",
    """INSERT INTO lake."odd name".t SELECT i, 'q"' || i, i / 3 FROM range(9) r(i)""",
    'DELETE FROM lake."odd name".t WHERE i = 3',
    f"INSERT INTO lake.{THIS} SELECT i, 0 FROM range(5, 9) r(i)",
    f"UPDATE lake.{THIS} SET h = -1 WHERE i IN (2, 7)",
    *(f"""INSERT INTO lake."Ü☂"."new\nline" VALUES ({literal(value)}, {n})""" for n, value in enumerate(ODD)),
    'ALTER TABLE lake.t ADD COLUMN "more of it" DATE',
    "INSERT INTO lake.t VALUES (99, NULL, DATE '2026-01-01')",
    "CREATE SCHEMA lake.plain",
    "CREATE TABLE lake.plain.t AS SELECT 'of another schema' AS s, range AS i FROM range(3)",
    "CREATE TABLE lake.two AS SELECT range AS i FROM range(3)",
)
FEW = (
    'CREATE SCHEMA lake."odd name"',
    'CREATE TABLE lake."odd name".t AS SELECT range AS i FROM range(9)',
)
MORE = (
    'INSERT INTO lake."odd name".t SELECT range FROM range(9, 12)',
    'UPDATE lake."odd name".t SET i = -i WHERE i % 4 = 1',
    "CREATE TABLE lake.main.u AS SELECT 1 AS one",
)
NEW_TABLES = tuple(
    f"CREATE TABLE lake.{name} AS SELECT i, "
    + ", ".join(f"if(i < 5, {value}, NULL)::{type_} AS c{n}" for n, (type_, value) in enumerate(types.items()))
    + " FROM range(6) r(i)"
    for name, types in (
        ("scalars", {type_: value for type_, value in SCALARS.items() if type_ not in NARROWED}),
        ("nested", NESTED),
    )
)


@dataclass
class Sunk:
    """A lake in a folder whose catalog is put back to what it was, or lost."""

    folder: Path
    attach: str
    options: tuple[str, ...] = ("DATA_INLINING_ROW_LIMIT 0",)
    truth: Contents = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Where the files are."""
        return self.folder / "data"

    def do(self, *statements: str) -> None:
        """Commit each statement."""
        with session(self.attach, f"DATA_PATH {literal(f'{self.data}/')}", *self.options) as connection:
            for statement in statements:
                connection.execute(statement)
            self.truth = contents(connection)

    def image(self) -> Image:
        """The catalog as it is."""
        return open_engine(parse_lake(self.attach)).read()

    def put_back(self, image: Image) -> None:
        """Let it be what it was."""
        open_engine(parse_lake(self.attach)).write(image, now(), replace=True)

    def sink(self, *after: str) -> None:
        """Commit more, and forget it."""
        with self.image() as kept:
            self.do(*after)
            self.put_back(kept)


@pytest.fixture(params=ENGINES)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Callable[[], str]:
    """Places for catalogs of an engine."""
    engine: Engine = request.param
    return lambda: attach_string(engine, tmp_path, postgres)


@pytest.fixture
def sunk(tmp_path: Path) -> Sunk:
    """A lake whose catalog is in DuckDB."""
    return Sunk(tmp_path, f"ducklake:{tmp_path}/main.ducklake")


def kinds(result: SalvageResult, table: str | None = None) -> set[str]:
    """The losses of a table, or of any."""
    return {loss.kind for loss in result.losses if (loss.table == table if table else loss.table)}


def see_sound(attach: str) -> None:
    """Nothing more is found, nothing is wrong, and it can be written to."""
    assert canvasback.salvage(attach).commits == ()
    assert {f.code for f in canvasback.check(attach, level="rows").findings} <= {kind.code for kind in STRAY_KINDS}
    before = read(attach)
    with session(attach) as connection:
        connection.execute("CREATE TABLE lake.main.after AS SELECT 1 AS one")
        connection.execute("INSERT INTO lake.main.after VALUES (2)")
        after = contents(connection)
    assert {table: rows for table, rows in after.items() if table != "main.after"} == before


def test_an_older_catalog_of_any_engine(tmp_path: Path, anywhere: Callable[[], str]) -> None:
    lake = Sunk(tmp_path, anywhere())
    lake.do(*BEFORE, "CREATE TABLE lake.every AS SELECT " + every(0))
    lake.sink(*AFTER, *NEW_TABLES, *(f"INSERT INTO lake.every SELECT {every(n)}" for n in (1, 2, 4)))

    result = canvasback.salvage(lake.attach)

    assert told(read(lake.attach), result) == told(lake.truth, result)
    assert kinds(result) <= {"definitions"}
    see_sound(lake.attach)


def every(n: int) -> str:
    """A row of all types, of the number that the values depend on."""
    types = {**SCALARS, **NESTED}
    return ", ".join(f"({v})::{t} AS c{k}" for k, (t, v) in enumerate(types.items())) + f" FROM (SELECT {n} AS i)"


def test_a_lost_catalog_is_made_in_any_engine(tmp_path: Path, anywhere: Callable[[], str]) -> None:
    lake = Sunk(tmp_path / "lake", f"ducklake:{tmp_path}/lake/lost.ducklake")
    lake.folder.mkdir()
    lake.do(*BEFORE, *AFTER, *NEW_TABLES)
    (lake.folder / "lost.ducklake").unlink()
    attach = anywhere()

    result = canvasback.salvage(attach, new_catalog=True, data_path=str(lake.data))

    found = read(attach)
    assert kinds(result) <= {"definitions", "name"}
    named = {loss.table for loss in result.losses if loss.kind == "name"}
    assert all(name.startswith("salvaged_") for name in named)
    shown, truth = told(found, result), told(lake.truth, result)
    assert sorted(map(str, shown.values())) == sorted(map(str, truth.values()))
    assert {t for t in truth if t.isascii() and t.replace(".", "").isalnum()} <= shown.keys()
    see_sound(attach)


def test_tables_of_one_name_in_two_schemas_stay_apart(sunk: Sunk) -> None:
    sunk.do("CREATE SCHEMA lake.a", "CREATE TABLE lake.a.t AS SELECT 'a' AS x, range AS i FROM range(5)")
    sunk.sink(
        "CREATE SCHEMA lake.b",
        "CREATE TABLE lake.b.t AS SELECT 'b' AS x, range AS i FROM range(5)",
        "CREATE TABLE lake.t AS SELECT 'main' AS x, range AS i FROM range(5)",
        "UPDATE lake.a.t SET x = 'A' WHERE i = 2",
        "DELETE FROM lake.b.t WHERE i = 2",
        "UPDATE lake.t SET x = 'M' WHERE i = 3",
    )

    result = canvasback.salvage(sunk.attach)

    assert read(sunk.attach) == sunk.truth
    assert {table.table for table in result.tables if table.created} == {"main.t", "b.t"}
    see_sound(sunk.attach)


def test_a_table_that_was_dropped_and_made_again_is_the_new_one(sunk: Sunk) -> None:
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(5)", "DELETE FROM lake.t WHERE i = 1")
    sunk.sink("DROP TABLE lake.t", "CREATE TABLE lake.t AS SELECT 'x' || range AS other FROM range(3)")

    canvasback.salvage(sunk.attach)

    assert read(sunk.attach) == sunk.truth
    see_sound(sunk.attach)


def test_inlined_rows_are_named_and_nothing_else_is_lost(tmp_path: Path, anywhere: Callable[[], str]) -> None:
    lake = Sunk(tmp_path, anywhere(), options=("DATA_INLINING_ROW_LIMIT 5",))
    lake.do(
        "CREATE TABLE lake.t (i INTEGER, s VARCHAR)",
        "INSERT INTO lake.t SELECT i, 'file' FROM range(20) r(i)",
        "INSERT INTO lake.t VALUES (100, 'inlined early'), (101, 'too')",
    )
    lake.sink(
        "INSERT INTO lake.t VALUES (200, 'inlined late'), (201, 'too')",
        "INSERT INTO lake.t SELECT i, 'file' FROM range(300, 320) r(i)",
        "DELETE FROM lake.t WHERE i < 8 OR i BETWEEN 310 AND 317",  # so many of a file that 1.0 writes a file, too
    )

    result = canvasback.salvage(lake.attach)

    lost = {row for row in lake.truth["main.t"] if "inlined late" in row or "'i': 201" in row}
    assert len(lost) == 2
    shown, truth = (sorted(row.partition(": ")[2] for row in rows) for rows in (
        read(lake.attach)["main.t"], [row for row in lake.truth["main.t"] if row not in lost]
    ))  # fmt: skip
    assert shown == truth
    assert "inlined-rows" in {loss.kind for loss in result.losses if not loss.table}
    see_sound(lake.attach)


def test_inlined_rows_of_the_older_catalog_that_were_updated_since(sunk: Sunk) -> None:
    sunk.options = ("DATA_INLINING_ROW_LIMIT 5",)
    sunk.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)", "INSERT INTO lake.t VALUES (0, 'a'), (1, 'b'), (2, 'c')")
    sunk.options = ("DATA_INLINING_ROW_LIMIT 0",)
    sunk.sink("UPDATE lake.t SET s = 'new' WHERE i > 0", "INSERT INTO lake.t VALUES (9, 'in a file')")

    canvasback.salvage(sunk.attach)

    assert read(sunk.attach) == sunk.truth
    see_sound(sunk.attach)


def test_inlined_rows_of_the_older_catalog_that_were_flushed_since(sunk: Sunk) -> None:
    sunk.options = ("DATA_INLINING_ROW_LIMIT 5",)
    sunk.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)", "INSERT INTO lake.t VALUES (0, 'a'), (1, 'b'), (2, 'c')")
    sunk.options = ("DATA_INLINING_ROW_LIMIT 0",)  # 1.0 inlines deletes else
    sunk.sink(
        "CALL ducklake_flush_inlined_data('lake')",
        "INSERT INTO lake.t SELECT i, 'd' FROM range(10, 20) r(i)",
        "DELETE FROM lake.t WHERE i % 2 = 1",
    )

    result = canvasback.salvage(sunk.attach)

    assert told(read(sunk.attach), result) == told(sunk.truth, result)
    see_sound(sunk.attach)


def test_leftovers_and_foreign_files_are_left_and_named(sunk: Sunk) -> None:
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(50)")
    sunk.sink("INSERT INTO lake.t SELECT range AS i FROM range(50, 70)")
    folder = sunk.data / "main" / "t"
    whole = next(folder.glob("*.parquet")).read_bytes()
    uuid = "-7fd4-a5f5-9d8ad3f4b4c1"
    strays = {
        f"main/t/ducklake-01a21200-0000{uuid}.parquet": whole[:-20],
        f"main/t/ducklake-01a21200-0001{uuid}.parquet": b"",
        f"main/t/ducklake-01a21200-0002{uuid}-delete.parquet": b"",
        f"main/t/ducklake-01a21200-0003{uuid}.parquet": whole[: len(whole) // 2],
        "main/t/notes.txt": b"nobody's, and longer than a footer",
        "main/t/pretends.parquet": b"PAR1" + b"\x00" * 30 + b"PAR1",
        "top.parquet": b"PAR1",
    }
    for name, content in strays.items():
        (sunk.data / name).write_bytes(content)
    copies = {"main/t/foreign.parquet": "range AS i", "elsewhere/deep/in/it/a=b/part.parquet": "'x' AS y"}
    for name, columns in copies.items():
        (sunk.data / name).parent.mkdir(parents=True, exist_ok=True)
        with connect() as connection:
            connection.execute(f"COPY (SELECT {columns} FROM range(5)) TO {literal(str(sunk.data / name))}")
    before = tree_of(sunk.data)

    result = canvasback.salvage(sunk.attach)

    assert read(sunk.attach) == sunk.truth
    assert {left.name for left in result.left} == strays.keys() | copies.keys()
    assert all(left.reason for left in result.left)
    assert {loss.message.split()[0] for loss in result.losses if loss.kind == "unreadable-file"} >= {
        name for name in strays if "ducklake-" in name
    }
    assert tree_of(sunk.data) == before
    see_sound(sunk.attach)


def test_a_whole_file_that_nobody_committed_is_never_called_proven(sunk: Sunk) -> None:
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(50)")
    sunk.sink()
    [file] = (sunk.data / "main" / "t").glob("*.parquet")
    shutil.copy(file, file.with_name("ducklake-01ffffff-ffff-7fd4-a5f5-9d8ad3f4b4c1.parquet"))

    result = canvasback.salvage(sunk.attach)

    assert [(commit.what, commit.sureness) for commit in result.commits] == [(("insert",), "likely")]
    assert len(read(sunk.attach)["main.t"]) == 101
    see_sound(sunk.attach)


def test_what_an_encrypted_lake_lost_with_its_keys_is_named(sunk: Sunk) -> None:
    sunk.options += ("ENCRYPTED",)
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(50)")
    kept = sunk.truth
    known = set(sunk.data.rglob("*.parquet"))
    sunk.sink("INSERT INTO lake.t SELECT range AS i FROM range(50, 70)", "DELETE FROM lake.t WHERE i = 3")

    result = canvasback.salvage(sunk.attach)

    lost = {str(path.relative_to(sunk.data)) for path in set(sunk.data.rglob("*.parquet")) - known}
    assert len(lost) == 2
    assert {loss.message.split()[0] for loss in result.losses if loss.kind == "encrypted-file"} == lost
    assert {left.name for left in result.left} == lost
    assert result.commits == ()
    assert read(sunk.attach) == kept


def test_a_lost_catalog_of_an_encrypted_lake_names_each_file(sunk: Sunk, tmp_path: Path) -> None:
    sunk.options += ("ENCRYPTED",)
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(50)", "DELETE FROM lake.t WHERE i = 3")

    result = canvasback.salvage(f"ducklake:{tmp_path}/new.ducklake", new_catalog=True, data_path=str(sunk.data))

    assert [loss.kind for loss in result.losses if loss.kind.endswith("-file")] == ["encrypted-file"] * 2
    assert result.commits == ()
    assert result.finding_counts == {"nothing-salvaged": 1}
    assert not (tmp_path / "new.ducklake").exists()


def test_a_lake_that_lacks_nothing_is_not_touched(tmp_path: Path, anywhere: Callable[[], str]) -> None:
    lake = Sunk(tmp_path, anywhere())
    for statements in (
        (),
        ("CREATE TABLE lake.t AS SELECT range AS i FROM range(9)", "DELETE FROM lake.t WHERE i = 1"),
    ):
        lake.do(*statements)
        before = tree_of(tmp_path), rows_of(lake)
        result = canvasback.salvage(lake.attach)
        assert (result.commits, result.left, result.tables) == ((), (), ())
        assert result.from_snapshot == result.snapshot_id
        assert "holds nothing" in result.steps[0]
        assert (tree_of(tmp_path), rows_of(lake)) == before


def rows_of(lake: Sunk) -> dict[str, list[tuple[object, ...]]]:
    """All rows of a catalog."""
    with lake.image() as image:
        return {name: sorted(image.rows(f"SELECT * FROM {{{name}}} t"), key=str) for name in image.tables}


def test_a_dry_run_says_the_same_and_writes_nothing(tmp_path: Path, anywhere: Callable[[], str]) -> None:
    lake = Sunk(tmp_path, anywhere())
    lake.do(*FEW)
    lake.sink(*MORE)
    before = tree_of(tmp_path), rows_of(lake)

    dry = canvasback.salvage(lake.attach, dry_run=True)

    assert dry.dry_run
    assert (tree_of(tmp_path), rows_of(lake)) == before
    wet = canvasback.salvage(lake.attach)
    assert not wet.dry_run
    assert (dry.commits, dry.left, dry.losses, dry.tables) == (wet.commits, wet.left, wet.losses, wet.tables)
    assert (dry.steps, dry.snapshot_id) == (wet.steps, wet.snapshot_id)
    assert read(lake.attach) == lake.truth


def test_a_dry_run_makes_no_catalog(sunk: Sunk, tmp_path: Path) -> None:
    sunk.do(*FEW, *MORE)
    before = tree_of(tmp_path)

    dry = canvasback.salvage(
        f"ducklake:{tmp_path}/new.ducklake", new_catalog=True, data_path=str(sunk.data), dry_run=True
    )

    assert dry.commits
    assert tree_of(tmp_path) == before


def test_a_lake_whose_files_are_elsewhere_now(sunk: Sunk, tmp_path: Path) -> None:
    sunk.do(*FEW)
    sunk.sink(*MORE)
    moved = sunk.data.rename(tmp_path / "moved here")

    result = canvasback.salvage(sunk.attach, data_path=str(moved))

    assert result.data_path == f"{moved}/"
    options = (f"DATA_PATH {literal(f'{moved}/')}", "OVERRIDE_DATA_PATH true")
    assert read(sunk.attach, *options) == sunk.truth


def test_a_lake_with_a_relative_data_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lake = Sunk(Path(), "ducklake:main.ducklake")
    lake.do(*FEW)
    lake.sink(*MORE)

    canvasback.salvage(lake.attach)

    assert read(lake.attach) == lake.truth
    see_sound(lake.attach)


def test_rows_of_a_column_that_was_added_before_are_not_hidden_by_bounds(sunk: Sunk) -> None:
    sunk.do(
        "CREATE TABLE lake.t AS SELECT range AS i FROM range(5)",
        "ALTER TABLE lake.t ADD COLUMN n INTEGER",  # 0.3 notes no bounds of it
        "INSERT INTO lake.t SELECT i, i FROM range(5, 9) r(i)",
    )
    sunk.sink("INSERT INTO lake.t VALUES (9, 0)")

    canvasback.salvage(sunk.attach)

    assert read(sunk.attach) == sunk.truth
    with session(sunk.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT i FROM lake.t WHERE n = 7").fetchall() == [(7,)]
    see_sound(sunk.attach)


def test_an_update_that_changed_nothing_counts_row_ids_and_is_not_taken_twice(sunk: Sunk) -> None:
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(5)")
    sunk.sink(
        "UPDATE lake.t SET i = i",
        "UPDATE lake.t SET i = i",
        "INSERT INTO lake.t SELECT range FROM range(5, 30)",
        "CALL ducklake_merge_adjacent_files('lake')",
    )

    canvasback.salvage(sunk.attach)

    assert read(sunk.attach) == sunk.truth
    see_sound(sunk.attach)


def test_a_known_file_that_is_broken_is_named(sunk: Sunk) -> None:
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(50)", "CREATE TABLE lake.u AS SELECT 1 AS i")
    [file] = (sunk.data / "main" / "t").glob("*.parquet")
    sunk.sink("DELETE FROM lake.t WHERE i = 3", "INSERT INTO lake.u VALUES (2)")
    file.write_bytes(file.read_bytes()[:-9])

    result = canvasback.salvage(sunk.attach)

    [named] = [loss for loss in result.losses if loss.kind == "missing-file"]
    assert named.table == "main.t"
    assert file.name in named.message
    with session(sunk.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT i FROM lake.u ORDER BY i").fetchall() == [(1,), (2,)]


def test_an_unknown_file_of_deletes_that_is_broken_inside_is_named(sunk: Sunk) -> None:
    sunk.do("CREATE TABLE lake.t AS SELECT range AS i FROM range(5000)")
    sunk.sink("DELETE FROM lake.t WHERE i % 3 = 1", "INSERT INTO lake.t VALUES (-1)")
    [file] = (sunk.data / "main" / "t").glob("*-delete.parquet")
    content = file.read_bytes()
    file.write_bytes(content[:4] + b"\xff" * (len(content) // 2) + content[4 + len(content) // 2 :])

    result = canvasback.salvage(sunk.attach)

    assert [left.name for left in result.left] == [f"main/t/{file.name}"]
    assert [loss.message.split()[0] for loss in result.losses if loss.kind == "unreadable-file"] == [
        f"main/t/{file.name}"
    ]
    assert len(read(sunk.attach)["main.t"]) == 5002
