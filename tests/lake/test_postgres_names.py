"""What an engine cannot hold inlined: refused before anything is written, by table and column; an empty table never."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import canvasback
from canvasback.errors import RefusedError
from tests.lake.builder import Lake, session
from tests.lake.saved import attach_string

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lake.saved import Engine
    from tests.postgres import Server

LONG = "net_amount_of_all_invoices_that_were_issued_in_the_course_of_the_year"
"""A name of 69 bytes."""

REFUSED: list[tuple[Engine, str, str, str]] = [
    ("postgres", f"{LONG} INTEGER, {LONG}_before_tax INTEGER", "(1, 2)", f"{LONG} has a name of more than 63 bytes"),
    ("postgres", "鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨鴨 INTEGER", "(1)", "has a name of more than 63 bytes"),
    ("postgres", "v VARIANT", "(1::VARIANT)", "v has the type VARIANT"),
    ("postgres", "v VARCHAR[]", "(['a' || chr(0)])", "v holds a text with a NUL in it"),
    ("sqlite", "v STRUCT(v VARIANT)", "({'v': 1::VARIANT})", "v has the type STRUCT(v VARIANT)"),
]


@pytest.mark.parametrize(("engine", "columns", "row", "why"), REFUSED)
def test_it_is_refused_by_name(
    engine: Engine, columns: str, row: str, why: str, tmp_path: Path, postgres: Server
) -> None:
    lake = Lake(tmp_path / "lake")
    lake.run(f'CREATE TABLE lake."odd one" ({columns})', f'INSERT INTO lake."odd one" VALUES {row}')
    lake.backup()
    (tmp_path / "new").mkdir()
    target = attach_string(engine, tmp_path / "new", postgres)
    for dry_run in (True, False):
        with pytest.raises(RefusedError) as refused:
            canvasback.restore(target, lake.repository, data_path=str(tmp_path / "new" / "data"), dry_run=dry_run)
        assert refused.value.code == "not-inlinable"
        assert "main.odd one" in refused.value.message
        assert why in refused.value.message
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize(("engine", "columns", "row", "why"), [REFUSED[0], REFUSED[2], REFUSED[4]])
def test_an_empty_table_of_inlined_rows_stands_in_nobodys_way(
    engine: Engine, columns: str, row: str, why: str, tmp_path: Path, postgres: Server
) -> None:
    assert why
    lake = Lake(tmp_path / "lake")
    lake.run(f"CREATE TABLE lake.t ({columns})", "CREATE TABLE lake.u (i INTEGER)", "INSERT INTO lake.u VALUES (7)")
    lake.backup()
    (tmp_path / "new").mkdir()
    target = attach_string(engine, tmp_path / "new", postgres)
    canvasback.restore(target, lake.repository, data_path=str(tmp_path / "new" / "data"))
    with session(target) as connection:
        if "STRUCT" not in columns:  # the extension writes no VARIANT inside of another type to a file
            connection.execute(f"INSERT INTO lake.t VALUES {row}")
            assert connection.execute("SELECT count(*) FROM lake.t").fetchall() == [(1,)]
        connection.execute("INSERT INTO lake.u VALUES (8)")
        assert connection.execute("SELECT sum(i) FROM lake.u").fetchall() == [(15,)]


def test_variants_go_through_every_verb(tmp_path: Path) -> None:
    """Restored, attached, at a snapshot, and as a table of a live lake, each with its type."""
    lake = Lake(tmp_path / "lake")
    lake.run(
        "CREATE TABLE lake.t (i INTEGER, v VARIANT)",
        "INSERT INTO lake.t VALUES (1, 1::VARIANT), (2, '1'::VARIANT), (3, {'a': 1, 'b': [1.5, NULL]}::VARIANT)",
        "INSERT INTO lake.t VALUES (4, DATE '2024-02-29'::VARIANT), (5, NULL)",
    )
    lake.backup()
    lake.run("INSERT INTO lake.t VALUES (6, INTERVAL '1 month -2 days'::VARIANT)")
    lake.backup()
    asked = "SELECT i, v::VARCHAR, variant_typeof(v) FROM lake.{} ORDER BY i"

    def read(attach: str, table: str = "t") -> list[tuple[object, ...]]:
        with session(attach, "READ_ONLY") as connection:
            return connection.execute(asked.format(table)).fetchall()

    truth = read(lake.attach)
    assert [row[2] for row in truth] == ["INT32", "VARCHAR", "OBJECT(a, b)", "DATE", "VARIANT_NULL", "INTERVAL"]
    folder = tmp_path / "new"
    canvasback.restore(f"ducklake:{folder}/a.ducklake", lake.repository, data_path=str(folder / "a"))
    assert read(f"ducklake:{folder}/a.ducklake") == truth
    past = f"ducklake:{folder}/b.ducklake"
    canvasback.restore(past, lake.repository, at_snapshot=2, data_path=str(folder / "b"))
    assert read(past) == truth[:3]
    attached = canvasback.attach(lake.repository, at_snapshot=3, out=str(folder / "c.ducklake"))
    assert read(f"ducklake:{attached.file}") == truth[:5]
    assert canvasback.verify(lake.repository, all_points=True, level="rows").findings == ()
    assert canvasback.check(lake.attach).findings == ()


def test_inlined_rows_of_a_migrated_catalog_have_the_types_of_now(tmp_path: Path, postgres: Server) -> None:
    """A table of inlined rows that 0.3 made keeps its types, and 1.0 stores hexadecimal digits for 'new' in it."""
    source = attach_string("postgres", tmp_path, postgres)
    with session(source, f"DATA_PATH '{tmp_path}/data'") as connection:
        connection.execute("CREATE TABLE lake.people (i INTEGER, name VARCHAR, born DATE, j JSON, f FLOAT)")
        connection.execute("INSERT INTO lake.people VALUES (1, 'old', '1999-01-01', '{}', 1.5)")
    name = source.partition("dbname=")[2].partition(" ")[0]
    postgres.psql(
        name,
        "ALTER TABLE ducklake_inlined_data_1_1 ALTER name TYPE varchar USING convert_from(name, 'UTF8'), "
        "ALTER born TYPE date USING born::date, ALTER j TYPE json USING convert_from(j, 'UTF8')::json, "
        "ALTER f TYPE double precision;",
    )
    repository = str(tmp_path / "repository")
    canvasback.init(source, repository)
    canvasback.backup(source, repository)
    restored = attach_string("postgres", tmp_path, postgres)
    canvasback.restore(restored, repository, data_path=str(tmp_path / "again"))
    with session(restored) as connection:
        connection.execute("INSERT INTO lake.people VALUES (2, 'new', '0044-03-15 (BC)', '{\"a\": 1}', 2.5)")
        assert connection.execute(
            "SELECT i, name, born::VARCHAR, j::VARCHAR, f FROM lake.people ORDER BY i"
        ).fetchall() == [
            (1, "old", "1999-01-01", "{}", 1.5),
            (2, "new", "0044-03-15 (BC)", '{"a": 1}', 2.5),
        ]
