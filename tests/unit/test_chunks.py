"""Covers canvasback.repository.division, chunk_writer and chunks: tables become chunks and chunks become tables."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canvasback.errors import CorruptError
from canvasback.model.manifest import Chunk, StoredTable
from canvasback.model.relation import Column, Relation
from canvasback.repository import layout
from canvasback.repository.chunk_writer import ChunkWriter
from canvasback.repository.chunks import check_objects, read_chunks, relation_of
from canvasback.repository.division import Division, divide
from canvasback.storage.local.store import LocalStore

LIMIT = 5
COLUMNS = (Column("k", "BIGINT"), Column("v", "VARCHAR"), Column("d", "DOUBLE"), Column("h", "HUGEINT"))
CREATE = "CREATE OR REPLACE TABLE small (k BIGINT, v VARCHAR, d DOUBLE, h HUGEINT)"

KEYS = st.one_of(st.none(), st.integers(-5, 40), st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**62, 2**63 - 1]))
ROWS = st.lists(
    st.tuples(
        KEYS,
        st.none() | st.sampled_from(["", "NULL", "it's", "日本"]),
        st.none() | st.sampled_from([0.0, float("nan"), float("inf"), 0.1]),
        st.none() | st.sampled_from([str(-(2**127)), str(2**127 - 1), "0"]),
    ),
    max_size=40,
)


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def fill(connection: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]) -> Relation:
    connection.execute(CREATE)
    if rows:
        connection.executemany("INSERT INTO small VALUES (?, ?, ?, ?::VARCHAR::HUGEINT)", rows)
    return Relation("small", COLUMNS, "SELECT * FROM small")


def numbered(connection: duckdb.DuckDBPyConnection, count: int) -> Relation:
    connection.execute(f"CREATE OR REPLACE TABLE small AS SELECT range::BIGINT AS k, 'v' || range AS v, "
                       f"range / 7 AS d, range::HUGEINT AS h FROM range({count})")  # fmt: skip
    return Relation("small", COLUMNS, "SELECT * FROM small")


def divided(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    previous: tuple[Chunk, ...] | None = None,
    hasher: str = duckdb.__version__,
) -> Division:
    before = None if previous is None else StoredTable(relation.name, relation.columns, 0, (), hasher, previous)
    return divide(connection, relation, "k", LIMIT, before, previous or ())


def split(
    connection: duckdb.DuckDBPyConnection,
    writer: ChunkWriter,
    relation: Relation,
    previous: tuple[Chunk, ...] | None = None,
    hasher: str = duckdb.__version__,
) -> tuple[Chunk, ...]:
    return writer.write_fresh(divided(connection, relation, previous, hasher), ("k",))


def multiset(connection: duckdb.DuckDBPyConnection, relation: Relation) -> Counter[Any]:
    columns = ", ".join(f"{c.name}::VARCHAR, typeof({c.name})" for c in relation.columns)
    return Counter(connection.execute(f"SELECT {columns} FROM ({relation.select})").fetchall())


def objects(store: LocalStore) -> dict[str, bytes]:
    return {stat.name: store.get(stat.name) for stat in store.list("")}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(rows=ROWS)
def test_chunks_hold_the_same_rows(
    connection: duckdb.DuckDBPyConnection, store: LocalStore, rows: list[tuple[Any, ...]]
) -> None:
    relation = fill(connection, rows)
    chunks = split(connection, ChunkWriter(connection, store, 2), relation)
    assert sum(chunk.rows for chunk in chunks) == len(rows)
    back = relation_of(connection, store, "small", COLUMNS, chunks)
    assert multiset(connection, back) == multiset(connection, relation)
    check_objects(store, [(chunk.hash, chunk.bytes) for chunk in chunks])
    for chunk in chunks:
        content = store.get(layout.chunk_name(chunk.hash))
        assert (blake3(content).hexdigest(), len(content)) == (chunk.hash, chunk.bytes)
        held = relation_of(connection, store, "small", COLUMNS, [chunk])
        for (key,) in connection.execute(f"SELECT k FROM ({held.select})").fetchall():
            if (chunk.lower, chunk.upper) == (-1, 0):
                assert key is None or key < 0 or key >= 2**62
            elif chunk.lower is not None and chunk.upper is not None:
                assert chunk.lower <= key < chunk.upper


def test_no_rows_are_no_chunks(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = fill(connection, [])
    assert split(connection, ChunkWriter(connection, store, 1), relation) == ()
    back = relation_of(connection, store, "small", COLUMNS, ())
    types = connection.execute(f"DESCRIBE {back.select}").fetchall()
    assert [(row[0], row[1]) for row in types] == [(c.name, c.type) for c in COLUMNS]
    assert connection.execute(back.select).fetchall() == []
    assert objects(store) == {}


def test_insertion_order_does_not_matter(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 23)
    first = split(connection, ChunkWriter(connection, store, 1), relation)
    connection.execute("CREATE OR REPLACE TABLE small AS FROM small ORDER BY hash(k)")
    assert split(connection, ChunkWriter(connection, store, 4), relation) == first


def test_an_unchanged_table_is_not_written_again(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 100)
    chunks = split(connection, ChunkWriter(connection, store, 2), relation)
    assert len(chunks) > 10
    before = {name: Path(store.url + name).stat().st_mtime_ns for name in objects(store)}
    writer = ChunkWriter(connection, store, 2)
    assert split(connection, writer, relation, chunks) == chunks
    assert (writer.written, writer.written_bytes) == (0, 0)
    assert {name: Path(store.url + name).stat().st_mtime_ns for name in objects(store)} == before


@pytest.mark.parametrize(
    "change",
    ["UPDATE small SET v = 'changed' WHERE k = 50", "UPDATE small SET v = NULL WHERE k = 50",
     "UPDATE small SET d = 'nan' WHERE k = 99", "DELETE FROM small WHERE k = 0"],
)  # fmt: skip
def test_one_changed_row_is_one_chunk(connection: duckdb.DuckDBPyConnection, store: LocalStore, change: str) -> None:
    relation = numbered(connection, 100)
    chunks = split(connection, ChunkWriter(connection, store, 2), relation)
    connection.execute(change)
    writer = ChunkWriter(connection, store, 2)
    changed = split(connection, writer, relation, chunks)
    assert writer.written == 1
    assert len(set(changed) - set(chunks)) == 1
    assert len(set(chunks) & set(changed)) == len(chunks) - 1
    assert multiset(connection, relation_of(connection, store, "small", COLUMNS, changed)) == multiset(
        connection, relation
    )


def test_dividing_tells_what_is_to_be_written(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 100)
    first = divided(connection, relation)
    assert (first.rows, first.same, first.held) == (100, {}, None)
    assert objects(store) == {}

    chunks = ChunkWriter(connection, store, 1).write_fresh(first, ("k",))
    unchanged = divided(connection, relation, chunks)
    assert (unchanged.fresh, tuple(unchanged.same.values())) == ([], chunks)
    assert unchanged.held is not None

    connection.execute("UPDATE small SET v = 'changed' WHERE k = 50")
    changed = divided(connection, relation, chunks)
    assert [low for low, _ in changed.fresh] == [48]
    assert (len(changed.same), changed.held) == (len(chunks) - 1, None)

    connection.execute("DELETE FROM small WHERE k >= 48")
    shorter = divided(connection, relation, chunks)
    assert (shorter.rows, shorter.fresh, shorter.held) == (48, [], None)


def test_another_primary_key_is_recorded(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 10)
    chunks = split(connection, ChunkWriter(connection, store, 1), relation)
    keyed = divided(connection, Relation("small", COLUMNS, "SELECT * FROM small", ("k",)), chunks)
    assert (keyed.fresh, keyed.held) == ([], None)


def test_a_duplicated_row_is_noticed(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 100)
    chunks = split(connection, ChunkWriter(connection, store, 2), relation)
    # Twice the same row more: what only exclusive or would not see.
    connection.execute("INSERT INTO small SELECT * FROM small WHERE k = 3 UNION ALL SELECT * FROM small WHERE k = 3")
    changed = split(connection, ChunkWriter(connection, store, 2), relation, chunks)
    assert multiset(connection, relation_of(connection, store, "small", COLUMNS, changed)) == multiset(
        connection, relation
    )


def test_values_swapped_between_rows_are_noticed(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = fill(connection, [(1, "a", 1.0, 1), (2, "b", 2.0, 2)])
    chunks = split(connection, ChunkWriter(connection, store, 1), relation)
    connection.execute("UPDATE small SET v = CASE v WHEN 'a' THEN 'b' ELSE 'a' END")
    changed = split(connection, ChunkWriter(connection, store, 1), relation, chunks)
    assert changed != chunks
    assert multiset(connection, relation_of(connection, store, "small", COLUMNS, changed)) == multiset(
        connection, relation
    )


def test_negative_zero_beside_zero(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = fill(connection, [(1, "a", 0.0, 1), (2, "b", -0.0, 2)])
    chunks = split(connection, ChunkWriter(connection, store, 1), relation)
    assert multiset(connection, relation_of(connection, store, "small", COLUMNS, chunks)) == multiset(
        connection, relation
    )


def test_zero_that_became_negative_is_noticed(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = fill(connection, [(1, "a", 0.0, 1)])
    chunks = split(connection, ChunkWriter(connection, store, 1), relation)
    connection.execute("UPDATE small SET d = '-0.0'")
    changed = split(connection, ChunkWriter(connection, store, 1), relation, chunks)
    assert multiset(connection, relation_of(connection, store, "small", COLUMNS, changed)) == multiset(
        connection, relation
    )


def test_fingerprints_of_another_hasher_are_not_believed(
    connection: duckdb.DuckDBPyConnection, store: LocalStore
) -> None:
    relation = numbered(connection, 30)
    chunks = split(connection, ChunkWriter(connection, store, 1), relation)
    lies = tuple(Chunk("00" * 32, c.rows, c.bytes, c.lower, c.upper, c.fingerprint) for c in chunks)
    assert split(connection, ChunkWriter(connection, store, 1), relation, lies, "0.0.1") == chunks


def test_an_object_left_by_half_is_replaced(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 30)
    chunks = split(connection, ChunkWriter(connection, store, 1), relation)
    whole = objects(store)
    half, empty, *_ = sorted(whole)
    Path(store.url + half).write_bytes(whole[half][: len(whole[half]) // 2])
    Path(store.url + empty).write_bytes(b"")
    writer = ChunkWriter(connection, store, 1)
    assert split(connection, writer, relation) == chunks
    assert objects(store) == whole
    assert writer.written == 2


# Many chunks: an index


def test_few_chunks_stand_in_the_manifest(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 4 * 32)
    writer = ChunkWriter(connection, store, 2)
    chunks = split(connection, writer, relation)
    assert len(chunks) == 32
    table = writer.store(relation, chunks)
    assert (table.index, table.chunks, table.rows) == (None, chunks, 128)
    assert read_chunks(connection, store, table) == chunks


def test_many_chunks_stand_in_an_index(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    relation = numbered(connection, 4 * 33)
    writer = ChunkWriter(connection, store, 2)
    chunks = split(connection, writer, relation)
    table = writer.store(relation, chunks)
    assert table.index is not None
    assert (table.index.chunks, table.chunks, table.rows) == (33, (), 132)
    assert read_chunks(connection, store, table) == chunks
    check_objects(store, [(table.index.hash, table.index.bytes)])


def test_an_index_with_every_kind_of_range(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    numbered(connection, 4 * 40)
    connection.execute("INSERT INTO small VALUES (NULL, NULL, NULL, NULL), (-7, 'negative', 0, 0)")
    connection.execute(f"INSERT INTO small SELECT {2**63 - 1}, 'last', 0, range FROM range(9)")
    relation = Relation("small", COLUMNS, "SELECT * FROM small")
    writer = ChunkWriter(connection, store, 2)
    chunks = split(connection, writer, relation)
    table = writer.store(relation, chunks)
    assert table.index is not None
    assert read_chunks(connection, store, table) == chunks
    assert multiset(connection, relation_of(connection, store, "small", COLUMNS, chunks)) == multiset(
        connection, relation
    )


@pytest.mark.parametrize("damage", ["missing", "other bytes", "cut short"])
def test_a_damaged_index_is_refused(connection: duckdb.DuckDBPyConnection, store: LocalStore, damage: str) -> None:
    relation = numbered(connection, 4 * 33)
    writer = ChunkWriter(connection, store, 2)
    table = writer.store(relation, split(connection, writer, relation))
    assert table.index is not None
    path = Path(store.url + layout.chunk_name(table.index.hash))
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[:-1] if damage == "cut short" else content[:-1] + b"\0")
    with pytest.raises(CorruptError) as refused:
        read_chunks(connection, store, table)
    assert refused.value.code == ("chunk-missing" if damage == "missing" else "chunk-corrupt")


# Checking


def test_damaged_chunks_are_refused(connection: duckdb.DuckDBPyConnection, store: LocalStore) -> None:
    chunks = split(connection, ChunkWriter(connection, store, 1), numbered(connection, 60))
    named = [(chunk.hash, chunk.bytes) for chunk in chunks]
    check_objects(store, named, jobs=3)
    victim = Path(store.url + layout.chunk_name(chunks[4].hash))
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    with pytest.raises(CorruptError) as corrupt:
        check_objects(store, named, jobs=3)
    assert corrupt.value.code == "chunk-corrupt"
    assert str(victim) in corrupt.value.message
    victim.unlink()
    with pytest.raises(CorruptError) as missing:
        check_objects(store, named, jobs=3)
    assert missing.value.code == "chunk-missing"
