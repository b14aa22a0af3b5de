"""Single tables that come back into a live lake, as the real extension sees them: rows, row ids, and all around."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import canvasback
from canvasback import CorruptError, LockedError, RefusedError, UsageError
from canvasback.catalog.engines import open_engine
from canvasback.model.lake import parse_lake
from tests.lake.builder import Lake, contents, read, session
from tests.lake.saved import LAKES, Engine, Saved, attach_string, together
from tests.lake.test_rewound_lakes import KEEPS, Life, in_duckdb, life
from tests.lake.values import literal
from tests.oracle.reader import fingerprint, name
from tests.postgres import Server

__all__ = ["in_duckdb", "life"]


@pytest.mark.parametrize(
    ("saved", "engine"),
    [
        together(name, name.partition("-")[0], marks=[pytest.mark.previous] if "-1.0" not in name else [])
        for name in sorted({*LAKES} - {"duckdb-0.1", "duckdb-0.2"})
    ],
    indirect=["saved"],
)
def test_every_table_of_a_moment_comes_back(saved: Saved, engine: Engine, tmp_path: Path, postgres: Server) -> None:
    """Beside what the lake is now, of which nothing changes; in the engine of the lake, which is each of them."""
    to = attach_string(engine, tmp_path, postgres)
    canvasback.restore(to, saved.repository, data_path=str(tmp_path / "files"))
    at = saved.snapshots[len(saved.snapshots) * 2 // 3]
    wanted = {f"back_{number}": of for number, of in enumerate(saved.truth(at)[str(at)].items())}
    for back, (table, _) in [*wanted.items()]:
        schema, _, named = table.partition(".")
        try:
            canvasback.restore_tables(
                to, saved.repository, name(schema, named), as_name=f"{name(schema)}.{back}", at_snapshot=at
            )
        except RefusedError as refused:  # inlined rows are not encrypted, and no file that is not may hold them
            assert (refused.code, saved.fixture.path.name) == ("cannot-encrypt", "duckdb-1.0-encrypted")  # noqa: PT017
            del wanted[back]
    assert wanted
    head = str(max(saved.snapshots))
    with session(to, *(["READ_ONLY"] if saved.fixture.ducklake_version == "0.3" else [])) as connection:
        for back, (table, truth) in wanted.items():
            assert fingerprint(connection, table.partition(".")[0], back) == truth, table
        for table, truth in saved.truth(int(head))[head].items():
            schema, _, named = table.partition(".")
            assert fingerprint(connection, schema, named) == truth
            assert fingerprint(connection, schema, named, f" AT (VERSION => {head})") == truth


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """Where the lake's points are."""
    return str(tmp_path / "repository")


def back_up(life: Life, repository: str) -> None:
    """Make a point."""
    if not Path(repository).exists():
        canvasback.init(life.attach, repository)
    assert canvasback.backup(life.attach, repository).findings == ()


def test_a_dropped_table_comes_back_with_all_that_it_is(life: Life, repository: str) -> None:
    """Rows with their ids, inlined ones too; deleted rows stay deleted; nested types, comments, defaults."""
    life.do(
        "CREATE TABLE lake.t (i INTEGER NOT NULL, s VARCHAR, n STRUCT(a INTEGER, b VARCHAR[]), m MAP(VARCHAR, INT))",
        "INSERT INTO lake.t SELECT i, 's ' || i, {'a': i, 'b': ['x', NULL]}, MAP {'k': i} FROM range(100) r(i)",
        "DELETE FROM lake.t WHERE i % 7 = 1",
        "UPDATE lake.t SET s = 'updated' WHERE i % 10 = 0",
        "COMMENT ON TABLE lake.t IS 'of the table'",
        "COMMENT ON COLUMN lake.t.s IS 'of the column'",
        "ALTER TABLE lake.t ALTER s SET DEFAULT 'none'",
    )
    life.inlined = 10
    life.do(
        "INSERT INTO lake.t VALUES (1000, NULL, NULL, NULL), (1001, 'in', {'a': 1, 'b': []}, MAP {})",
        "DELETE FROM lake.t WHERE i = 1000",
    )
    life.inlined = 0
    back_up(life, repository)
    truth = life.read()
    life.do("DROP TABLE lake.t", "CREATE TABLE lake.other AS SELECT 1 AS one")
    before = dict(life.truths)

    result = canvasback.restore_tables(life.attach, repository, "main.t")

    assert result.findings == ()
    assert result.new_snapshot_id == life.head == max(before) + 1
    assert life.read() == truth | {"main.other": life.truths[max(before)]["main.other"]}
    life.truths = before | {life.head: life.read()}
    life.check()
    with session(life.attach, f"DATA_PATH {literal(f'{life.data}/')}") as connection:
        shown = connection.execute(
            "SELECT comment FROM duckdb_tables() WHERE table_name = 't' AND database_name = 'lake' UNION ALL "
            "SELECT comment FROM duckdb_columns() WHERE column_name = 's' AND database_name = 'lake'"
        ).fetchall()
        assert shown == [("of the table",), ("of the column",)]
        connection.execute("INSERT INTO lake.t (i) VALUES (-7)")
        assert connection.execute("SELECT s FROM lake.t WHERE i = -7").fetchall() == [("none",)]
        assert connection.execute("SELECT count(*), count(DISTINCT rowid) FROM lake.t").fetchall() == [(87, 87)]
        [(said,)] = connection.execute(
            f"SELECT commit_message FROM ducklake_snapshots('lake') WHERE snapshot_id = {result.new_snapshot_id}"
        ).fetchall()
    assert said == f"canvasback restored main.t as of snapshot 9 from point {result.point}"


def shapes(folder: Path) -> list[str]:
    """The names of a table's files, with the part that is theirs alone left out."""
    return sorted(re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "*", str(path.relative_to(folder)))
                  for path in folder.rglob("*"))  # fmt: skip


def test_cleanup_of_the_old_table_leaves_the_new_one_alone(life: Life, repository: str) -> None:
    """Two rows that named one file would let expiry delete it under the other."""
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)")
    life.do("ALTER TABLE lake.t SET PARTITIONED BY (s)")
    life.do(*(f"INSERT INTO lake.t SELECT i, 'p' || i % 3 FROM range({k}, {k + 9}) r(i)" for k in (0, 9, 18)))
    life.do("DELETE FROM lake.t WHERE i % 5 = 0")
    back_up(life, repository)
    truth = life.read()["main.t"]
    canvasback.restore_tables(life.attach, repository, "t", as_name="copy")
    assert shapes(life.data / "main" / "copy") == shapes(life.data / "main" / "t")
    life.do("DROP TABLE lake.t")
    # 0.3 itself cannot rewrite files of several partitions.
    keeps = [statement for statement in KEEPS if "rewrite" not in statement]

    life.same(*keeps)

    now = life.read()
    assert now["main.copy"] == truth
    life.do("INSERT INTO lake.copy VALUES (100, 'p1')")
    assert [path.parent.name for path in (life.data / "main" / "copy").rglob("*.parquet")].count("s=p1") == 4
    life.same(*keeps)
    assert len(life.read()["main.copy"]) == len(truth) + 1
    with session(life.attach, "READ_ONLY") as connection:
        assert connection.execute("SELECT count(*) FROM lake.copy WHERE s = 'p1'").fetchall() == [(8,)]


def test_a_new_column_does_not_show_a_dropped_one(life: Life, repository: str) -> None:
    """The files still have the dropped column's values, under its id."""
    life.do("CREATE TABLE lake.t (i INTEGER, secret VARCHAR)", "INSERT INTO lake.t VALUES (1, 'dropped')")
    life.do("ALTER TABLE lake.t DROP COLUMN secret")
    back_up(life, repository)
    canvasback.restore_tables(life.attach, repository, "t", as_name="copy")

    life.do("ALTER TABLE lake.copy ADD COLUMN fresh VARCHAR")

    assert life.read()["main.copy"][1:] == ["0: {'i': 1, 'fresh': NULL}"]


def test_a_moment_in_the_middle_of_a_merged_file(life: Life, repository: str) -> None:
    life.do("CREATE TABLE lake.t (i INTEGER, s VARCHAR)")
    life.do(*(f"INSERT INTO lake.t SELECT i, 'v' FROM range({k}, {k + 5}) r(i)" for k in range(0, 30, 5)))
    life.same("CALL ducklake_merge_adjacent_files('lake')")
    back_up(life, repository)

    canvasback.restore_tables(life.attach, repository, "t", as_name="copy", at_snapshot=4)

    assert life.read()["main.copy"] == life.truths[4]["main.t"]
    life.do("INSERT INTO lake.copy VALUES (100, 'new')", *KEEPS)
    assert len(life.read()["main.copy"]) == len(life.truths[4]["main.t"]) + 1


def test_a_whole_schema_comes_back(in_duckdb: Life, repository: str) -> None:
    in_duckdb.do('CREATE SCHEMA lake."odd ☂"', 'CREATE TABLE lake."odd ☂"."a.b" AS SELECT 1 AS x',
                 'CREATE TABLE lake."odd ☂".empty (y DATE)', "CREATE TABLE lake.stays AS SELECT 2 AS z")  # fmt: skip
    back_up(in_duckdb, repository)
    truth = in_duckdb.read()
    in_duckdb.do('DROP SCHEMA lake."odd ☂" CASCADE', "INSERT INTO lake.stays VALUES (3)")

    result = canvasback.restore_tables(in_duckdb.attach, repository, "odd ☂")

    assert [table.table for table in result.tables] == ["odd ☂.a.b", "odd ☂.empty"]
    assert any("the schema odd ☂ is made" in step for step in result.steps)
    assert in_duckdb.read() == truth | {"main.stays": in_duckdb.truths[in_duckdb.head - 1]["main.stays"]}
    in_duckdb.do("""INSERT INTO lake."odd ☂".empty VALUES ('2026-01-01')""")
    in_duckdb.same(*KEEPS)


def test_a_commit_in_between_is_no_hindrance(life: Life, repository: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is added to what the lake is by then."""
    life.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    back_up(life, repository)
    kind = type(open_engine(parse_lake(life.attach)))
    change: Callable[..., None] = kind.change
    late = ["INSERT INTO lake.t VALUES (99)"]

    def slow(engine: object, *arguments: object) -> None:
        life.do(*late)
        late.clear()
        change(engine, *arguments)

    monkeypatch.setattr(kind, "change", slow)
    canvasback.restore_tables(life.attach, repository, "t", as_name="copy")
    assert life.read() == {"main.copy": life.truths[2]["main.t"], "main.t": life.truths[3]["main.t"]}


def test_who_is_locked_out_leaves_no_files(in_duckdb: Life, repository: str) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    back_up(in_duckdb, repository)
    files = sorted(in_duckdb.data.rglob("*"))
    with session(in_duckdb.attach, "READ_ONLY") as connection:
        assert contents(connection)
        with pytest.raises(LockedError):
            canvasback.restore_tables(in_duckdb.attach, repository, "t", as_name="copy")
    assert sorted(in_duckdb.data.rglob("*")) == files


def test_a_dry_run_changes_nothing(in_duckdb: Life, repository: str) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    back_up(in_duckdb, repository)
    files = sorted(in_duckdb.data.rglob("*"))

    result = canvasback.restore_tables(in_duckdb.attach, repository, "t", as_name="copy", dry_run=True)

    assert (result.dry_run, result.new_snapshot_id, result.tables[0].rows) == (True, 0, 20)
    assert sorted(in_duckdb.data.rglob("*")) == files
    assert in_duckdb.head == 2


def test_what_cannot_be_is_refused(in_duckdb: Life, repository: str, tmp_path: Path) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    in_duckdb.do("CREATE SCHEMA lake.t", "CREATE TABLE lake.gone AS SELECT 1 AS one", "DROP TABLE lake.gone")
    in_duckdb.do("CREATE TABLE lake.t.inside AS SELECT 1 AS one", "CREATE VIEW lake.seen AS SELECT 1 AS one")
    back_up(in_duckdb, repository)
    other = Lake(tmp_path / "other")
    other.run("CREATE TABLE lake.x AS SELECT 1 AS one")
    refusals: list[tuple[str, dict[str, object], type[Exception], str, str]] = [
        ("main.t", {}, RefusedError, "table-exists", "--as"),
        ("main.t", {"as_name": "T"}, RefusedError, "table-exists", "--as"),
        ("main.t", {"as_name": "seen"}, RefusedError, "table-exists", "--as"),
        ("t", {"as_name": "u"}, UsageError, "ambiguous-table", "main.t"),
        ("main.nothing", {}, RefusedError, "table-not-there", "--dropped"),
        ("gone", {}, RefusedError, "table-not-there", "--at-snapshot 4"),
        ("gone", {"at_snapshot": 2}, RefusedError, "table-not-there", "from snapshot 4 on"),
        ("a.b.c", {}, UsageError, "table-name", "double quotes"),
        ("", {}, UsageError, "table-name", "schema.table"),
        ("main.t", {"lake": other.attach}, RefusedError, "other-lake", "SQL"),
        ("main.t", {"as_name": "u", "at_snapshot": 99}, RefusedError, "moment-not-held", "snapshot 7"),
    ]
    for table, arguments, kind, code, hint in refusals:
        given = {"lake": in_duckdb.attach, **arguments}
        with pytest.raises(kind) as caught:
            canvasback.restore_tables(repository=repository, table=table, **given)  # type: ignore[arg-type]
        assert caught.value.code == code, (table, arguments)  # type: ignore[attr-defined]
        assert hint in caught.value.hint, (table, arguments)  # type: ignore[attr-defined]
    assert in_duckdb.head == 7


def test_a_point_without_its_files_changes_nothing(in_duckdb: Life, repository: str) -> None:
    in_duckdb.do("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT * FROM range(20)")
    back_up(in_duckdb, repository)
    for path in Path(repository, "data").rglob("*.parquet"):
        path.unlink()

    with pytest.raises(CorruptError) as caught:
        canvasback.restore_tables(in_duckdb.attach, repository, "t", as_name="copy")

    assert caught.value.code == "table-incomplete"
    assert in_duckdb.head == 2
    shutil.rmtree(in_duckdb.data)
    assert canvasback.backup(in_duckdb.attach, repository, full=True).finding_counts
    with pytest.raises(RefusedError) as refused:
        canvasback.restore_tables(in_duckdb.attach, repository, "t", as_name="copy")
    assert refused.value.code == "table-files-absent"


def test_encrypted_files_keep_their_keys_and_inlined_rows_stay_out(new_lake: Lake) -> None:
    options = (f"DATA_PATH {literal(new_lake.data_path)}", "ENCRYPTED", "DATA_INLINING_ROW_LIMIT 5")
    with session(new_lake.attach, *options) as connection:
        connection.execute("LOAD httpfs")
        connection.execute("CREATE TABLE lake.t AS SELECT i FROM range(20) r(i)")
        connection.execute("CREATE TABLE lake.u AS SELECT 1 AS i")
        truth = contents(connection)
    new_lake.backup()

    canvasback.restore_tables(new_lake.attach, new_lake.repository, "t", as_name="copy")
    with pytest.raises(RefusedError) as caught:
        canvasback.restore_tables(new_lake.attach, new_lake.repository, "u", as_name="copy2")

    assert caught.value.code == "cannot-encrypt"
    assert read(new_lake.attach) == truth | {"main.copy": truth["main.t"]}
