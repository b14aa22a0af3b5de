"""Covers canvasback.model.types and the spelling of values: every type of this DuckDB's has its way, or is refused."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from canvasback.catalog.logical import LakeTypes
from canvasback.catalog.texts import read_text, respelled, spell
from canvasback.errors import CorruptError, RefusedError
from canvasback.model.relation import Column, Relation
from canvasback.model.types import NOT_HELD, TYPES, contains, of_lake, parse
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.chunks import relation_of
from canvasback.repository.division import divide
from canvasback.repository.types import stored_type
from canvasback.repository.variants import read_expression
from canvasback.storage.local.store import LocalStore

HAS_VARIANT = tuple(map(int, duckdb.__version__.split(".")[:2])) >= (1, 5)
"""Whether this DuckDB's tables can hold VARIANT."""


def test_every_type_of_duckdb_is_in_the_list() -> None:
    """One that a new release brings has to be thought about."""
    found = {name for (name,) in duckdb.sql("SELECT DISTINCT logical_type FROM duckdb_types()").fetchall()}
    assert found <= {*TYPES, *NOT_HELD}
    assert not NOT_HELD & {*TYPES}


@pytest.mark.parametrize("type_", ["UNION(a INTEGER, b VARCHAR)", "STRUCT(u UNION(a INTEGER))[]", "NULL", "no type"])
def test_what_is_not_in_it_is_refused_by_name(type_: str) -> None:
    with pytest.raises(RefusedError) as refused:
        stored_type(type_)
    assert refused.value.code == "unknown-type"
    assert type_.partition("(")[0].removeprefix("STRUCT").strip('"') in refused.value.message.replace('"', "")


def test_an_unknown_type_of_ducklake_is_refused_by_name() -> None:
    lake = LakeTypes([(1, 7, "shape", "hyperbola", None, 0, None)], {0: 0})
    with pytest.raises(RefusedError, match="column shape of the table with the id 7 has the type hyperbola"):
        lake.of(7, 0, "shape")


def test_names_of_ducklake() -> None:
    assert [of_lake(name) for name in ("int128", "time_ns", "decimal(4,1)", "list", "hyperbola")] == [
        "HUGEINT", "TIME_NS", "DECIMAL(4,1)", None, None,
    ]  # fmt: skip


def test_a_type_contains_what_is_inside_at_any_depth() -> None:
    assert contains("STRUCT(a MAP(VARCHAR, JSON[])[])", "JSON")
    assert not contains("STRUCT(a MAP(VARCHAR, JSON[])[])", "BLOB")


NESTED = [
    ("VARCHAR[][]", r"""[['a,b', 'c]'], [], NULL, ['NULL', NULL, '', ' x ', 'it''s \ "q"', chr(10)]]"""),
    ("STRUCT(t TIMESTAMP, u UUID)[]", "[{'t': '2026-01-01', 'u': NULL}, NULL]"),
    ("STRUCT(b BLOB)", r"{'b': '\x00A\xFF\x27\x5C'::BLOB}"),
    ("DOUBLE[]", "['nan'::DOUBLE, 'inf'::DOUBLE, 1e308]"),
    ("MAP(VARCHAR, INTEGER[])", "MAP {'k=1': [1], '': [], 'a''b': NULL}"),
    ("""MAP(INTERVAL, STRUCT("b c" VARCHAR, "it's" JSON))""",
     """MAP {INTERVAL '1 month -2 days': {'b c': 'x, y: {z}', 'it''s': '{"a": [1]}'}}"""),
    ("STRUCT(a STRUCT(b STRUCT(c VARCHAR[])[]))", "{'a': {'b': [{'c': ['}', ']', '''']}]}}"),
    ("VARCHAR[]", "[]"),
    ("MAP(VARCHAR, VARCHAR)", "MAP {}"),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "value"), NESTED)
def test_nested_values_read_back_from_their_text(type_: str, value: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT CAST({value} AS {type_}) AS v UNION ALL SELECT NULL")
        texts = f"SELECT {spell('v', type_)} AS s, v FROM t"
        back = f"SELECT CAST(s AS {type_}) AS back, v FROM ({texts})"
        found = connection.execute(f"SELECT back::VARCHAR = v::VARCHAR, back IS NOT DISTINCT FROM v FROM ({back})")
        assert sorted(found.fetchall(), key=str) == [(None, True), (True, True)]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("VARCHAR[][]", "[['a,b', 'c]'], [], NULL]", "[['a,b', 'c]'], [], NULL]"),
        ("STRUCT(t TIMESTAMP)", "{'t': CAST('2026-01-01 00:00:00' AS TIMESTAMP)}", "{'t': '2026-01-01 00:00:00'}"),
        ("STRUCT(i INTERVAL)", "{'i': CAST('1 months 5 microseconds' AS INTERVAL)}", "{'i': '1 month 5 microseconds'}"),
        ("STRUCT(t TIMETZ, s VARCHAR)", "{'t': CAST('23:59:59+15' AS TIME WITH TIME ZONE), 's': 'it''s'}",
         "{'t': '23:59:59+15', 's': 'it''s'}"),
    ],
)  # fmt: skip
def test_texts_that_the_extension_cannot_read_itself_are_read(type_: str, text: str, value: str) -> None:
    """As it writes them into catalogs in SQLite and PostgreSQL."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT $1 AS v", [text])
        shown = respelled(connection, "FROM t", "v", type_) or "v"
        found = connection.execute(f"SELECT {read_text(shown, type_)} = CAST({value} AS {type_}) FROM t").fetchall()
        assert found == [(True,)]


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        ("INTERVAL", "1 mon -2 days +00:00:03.5", "1 month -2 days 00:00:03.5"),
        ("INTERVAL", "-1 years -2 mons +3 days -04:05:06.789", "-1 year -2 months 3 days -04:05:06.789"),
        ("INTERVAL", "-1 days +00:00:00.000001", "-1 day 00:00:00.000001"),
        ("DATE", "0044-03-15 BC", "0044-03-15 (BC)"),
        ("TIMESTAMP", "0044-03-15 10:00:00 BC", "0044-03-15 (BC) 10:00:00"),
        ("TIMESTAMP WITH TIME ZONE", "0044-03-15 10:00:00+00 BC", "0044-03-15 (BC) 10:00:00+00"),
        ("DATE", "2024-02-29", "2024-02-29"),
    ],
)
def test_what_postgres_writes_is_read(type_: str, text: str, value: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert connection.execute(f"SELECT {read_text('$1', type_)}::VARCHAR", [text]).fetchall() == [(value,)]


if HAS_VARIANT:
    VARIANTS = {
        "variant": ["1", "'1'", "1::TINYINT", "1.50", "'nan'::DOUBLE", "DATE '2024-02-29'", "NULL", "uuid()",
                    "[1, '1'::VARIANT]",
                    "{'a': 1, 'b': [1.5, NULL]}", "[]", r"'\x00\xFF'::BLOB"],
        "tree": ["1::UTINYINT", "170141183460469231731687303715884105727::HUGEINT", "INTERVAL '1 month -2 days'",
                 "'23:59:59.999999999'::TIME_NS", "'2024-01-01'::TIMESTAMP_S",
                 "{'b': 1, 'a': {'d': [], 'c''\"': NULL}}",
                 "'12:00:00+05:30'::TIMETZ", "'0101'::BIT", "[INTERVAL 1 DAY]"],
    }  # fmt: skip

    @pytest.mark.parametrize("form", VARIANTS)
    @pytest.mark.parametrize("type_", ["VARIANT", "STRUCT(v VARIANT, j JSON)"])
    def test_variants_keep_their_types(form: str, type_: str, tmp_path: Path) -> None:
        """As VARIANT where Parquet has it, else as trees."""
        nested = type_ != "VARIANT"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE t (n BIGINT, v {type_})")
            for number, value in enumerate(VARIANTS[form]):
                shown = f"CAST({value} AS VARIANT)"
                shown = f"{{'v': {shown}, 'j': '{{\"z\":  1}}'}}" if nested else shown
                connection.execute(f"INSERT INTO t SELECT {number}, {shown}")
            connection.execute("INSERT INTO t VALUES (100, NULL)")
            columns = (Column("n", "BIGINT"), Column("v", type_))
            relation, store = Relation("t", columns, "SELECT * FROM t"), LocalStore(tmp_path)
            writer = ChunkWriter(connection, store, 1)
            division = divide(connection, relation, "n", 8192)
            chunks = writer.write_fresh(division, ())
            table = writer.store(relation, chunks, division.forms)
            assert table.forms == {"v": "tree" if nested else form}
            back = relation_of(connection, store, "t", columns, chunks, forms=table.forms)
            value = "v.v" if nested else "v"
            asked = f"SELECT n, v::VARCHAR, variant_typeof({value}) FROM ({{}}) ORDER BY n"
            assert (
                connection.execute(asked.format(back.select)).fetchall()
                == connection.execute(asked.format(relation.select)).fetchall()
            )

    @pytest.mark.parametrize(
        "tree", ['["1::INTEGER); ATTACH","1"]', '{"o":[["a"]]}', "7", '["DECIMAL(2)","1"]', "not json", '{"b":[]}']
    )
    def test_a_forged_tree_is_refused(tree: str) -> None:
        with duckdb.connect() as connection:
            connection.execute("CREATE TABLE t AS SELECT $1 AS v", [tree])
            with pytest.raises(CorruptError) as refused:
                read_expression(connection, "FROM t", "v", "VARIANT", "tree")
        assert refused.value.code == "chunk-corrupt"


def test_types_are_parsed_by_duckdb() -> None:
    with pytest.raises(RefusedError):
        parse("INTEGER); DROP TABLE t; --")
