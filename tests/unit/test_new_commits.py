"""Covers canvasback.catalog.writing.commit: what DuckLake notes of a commit, in the tables of each version."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from canvasback.catalog.blank import blank_catalog
from canvasback.catalog.connections import connect
from canvasback.catalog.image import Image
from canvasback.catalog.writing.commit import AUTHOR, NewCommits
from canvasback.catalog.writing.edits import edited, statements
from canvasback.catalog.writing.loss_commit import Unreadable, accepted_select, loss_commit_edits

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def blank(folder: Path, version: Literal["0.3", "1.0"] = "0.3") -> Image:
    return blank_catalog(connect(str(folder)), "data/", NOON, version=version)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    with blank(tmp_path) as image:
        yield image


def after(image: Image, commits: NewCommits, sql: str) -> list[tuple[Any, ...]]:
    return edited(image, commits.edits()).rows(sql)


def test_a_commit_has_a_snapshot_and_says_what_it_changes(image: Image) -> None:
    commits = NewCommits(image)
    assert commits.begin(NOON + timedelta(hours=1)) == (1, NOON + timedelta(hours=1))
    commits.note("inserted_into_table:1")
    commits.note("deleted_from_table:2")
    commits.note("inserted_into_table:1")
    commits.commit("it's a message")
    assert after(
        image,
        commits,
        "SELECT snapshot_id, changes_made, author, commit_message, schema_version FROM {ducklake_snapshot} s "
        "JOIN {ducklake_snapshot_changes} c USING (snapshot_id) WHERE snapshot_id > 0",
    ) == [(1, "inserted_into_table:1,deleted_from_table:2", AUTHOR, "it's a message", 0)]
    assert edited(image, commits.edits()).head() == (1, NOON + timedelta(hours=1), 2)


def test_each_commit_is_later_than_the_one_before(image: Image) -> None:
    commits = NewCommits(image)
    assert commits.begin(NOON - timedelta(days=1)) == (1, NOON + TICK)
    commits.commit("the clock went back")
    assert commits.begin(NOON + TICK, at_least=7) == (7, NOON + TICK + TICK)
    commits.commit("some numbers are taken")
    assert after(image, commits, "SELECT snapshot_id FROM {ducklake_snapshot} s ORDER BY snapshot_time") == [
        (0,), (1,), (7,),
    ]  # fmt: skip


def test_ids_go_on_where_the_catalog_is(image: Image) -> None:
    [(catalog, file)] = image.rows("SELECT next_catalog_id, next_file_id FROM {ducklake_snapshot} s")
    commits = NewCommits(image)
    commits.begin(NOON)
    assert [commits.catalog_id(), commits.catalog_id(), commits.file_id()] == [catalog, catalog + 1, file]
    commits.commit("two and one")
    told = "SELECT next_catalog_id, next_file_id FROM {ducklake_snapshot} s WHERE snapshot_id = 1"
    assert after(image, commits, told) == [(catalog + 2, file + 1)]


@pytest.mark.parametrize(("version", "rows"), [("0.3", [(1, 1)]), ("1.0", [(1, 1, 4), (1, 1, 5)])])
def test_a_new_shape_is_a_new_version_of_the_schema(
    tmp_path: Path, version: Literal["0.3", "1.0"], rows: list[tuple[int, ...]]
) -> None:
    """Which tables have it, 0.3 does not note: then one row says it."""
    with blank(tmp_path, version) as image:
        commits = NewCommits(image)
        commits.begin(NOON)
        assert [commits.reshape(5), commits.reshape(4), commits.reshape(5)] == [True, True, False]
        commits.commit("two tables")
        commits.begin(NOON)
        commits.commit("rows only")
        assert after(image, commits, "FROM {ducklake_schema_versions} v WHERE begin_snapshot > 0 ORDER BY ALL") == rows
        assert after(image, commits, "SELECT schema_version FROM {ducklake_snapshot} s ORDER BY snapshot_id") == [
            (0,), (1,), (1,),
        ]  # fmt: skip


def test_rows_are_those_that_the_version_knows(image: Image) -> None:
    commits = NewCommits(image)
    commits.begin(NOON)
    commits.add("ducklake_of_some_later_version", {"x": 1})
    commits.add("ducklake_table_stats", {"table_id": 1, "record_count": 2, "of_some_later_version": 3})
    commits.add_statistics(1, 9, [{"column_id": 2, "min_value": "a"}])
    [row] = commits.added("ducklake_table_stats")
    assert (row["table_id"], row["record_count"], row["next_row_id"]) == (1, 2, None)
    row["record_count"] = 5
    assert after(image, commits, "SELECT record_count FROM {ducklake_table_stats} s") == [(5,)]
    told = "SELECT data_file_id, table_id, column_id, min_value FROM {ducklake_file_column_stats} s"
    assert after(image, commits, told) == [(9, 1, 2, "a")]
    assert not any("later_version" in statement for statement in statements(commits.edits()))


def test_rows_end_where_a_commit_ends_them(image: Image) -> None:
    commits = NewCommits(image)
    commits.begin(NOON)
    commits.end("ducklake_schema", "schema_name = 'main'")
    commits.commit("no schema")
    assert after(image, commits, "SELECT end_snapshot FROM {ducklake_schema} s") == [(1,)]


def test_an_accepted_loss_is_told_from_other_commits(image: Image) -> None:
    commits = NewCommits(image)
    commits.begin(NOON)
    for id_ in (3, 4):
        commits.add("ducklake_data_file", {"data_file_id": id_, "table_id": 1, **commits.now()})
    commits.commit("files")
    before = edited(image, commits.edits())
    lost = edited(before, loss_commit_edits(before, [Unreadable("data", 3, 1)], NOON))
    assert lost.connection.execute(accepted_select(lost)).fetchall() == [("data", 3)]
    assert lost.rows("SELECT changes_made FROM {ducklake_snapshot_changes} c WHERE snapshot_id = 2") == [
        ("deleted_from_table:1",)
    ]
    assert lost.head()[0] == 2
