"""Covers canvasback.catalog.reading.files: which files a catalog names, and where they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from canvasback.catalog.blank import blank_catalog
from canvasback.catalog.connections import connect
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.catalog.writing.edits import Edit, edited

ROOT = "/lake/data/"


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Image]:
    with blank_catalog(connect(str(tmp_path)), ROOT, datetime(2026, 11, 22, tzinfo=UTC)) as blank:
        table = {"table_id": 1, "schema_id": 0, "table_name": "t", "path": "t", "path_is_relative": True}
        files = [
            ("below.parquet", True),
            (f"{ROOT}absolute.parquet", False),
            (f"file://{ROOT}spelled.parquet", False),
            ("/elsewhere/f.parquet", False),
            (f"{ROOT}../out.parquet", False),
        ]
        rows = tuple(
            {
                "data_file_id": id_,
                "table_id": 1,
                "path": path,
                "path_is_relative": relative,
                "file_size_bytes": id_ * 10,
            }
            for id_, (path, relative) in enumerate(files)
        )
        deletes = {"delete_file_id": 9, "data_file_id": 0, "table_id": 1, "path": "d.parquet", "path_is_relative": True}
        yield edited(
            blank,
            [
                Edit("ducklake_table", rows=({**table, "begin_snapshot": 1},)),
                Edit("ducklake_data_file", rows=rows),
                Edit("ducklake_delete_file", rows=(deletes,)),
            ],
        )


def rows_of(image: Image, columns: str, kind: str | None = None) -> list[tuple[Any, ...]]:
    return image.connection.execute(
        f"SELECT {columns} FROM ({named_files(image, ROOT, kind)}) ORDER BY file_id"
    ).fetchall()


def test_where_files_are(image: Image) -> None:
    assert rows_of(image, "path, elsewhere, place", "data") == [
        ("main/t/below.parquet", False, f"{ROOT}main/t/below.parquet"),
        ("absolute.parquet", False, f"{ROOT}absolute.parquet"),
        ("spelled.parquet", False, f"{ROOT}spelled.parquet"),
        ("/elsewhere/f.parquet", True, "/elsewhere/f.parquet"),
        (f"{ROOT}../out.parquet", True, f"{ROOT}../out.parquet"),
    ]


def test_what_files_are(image: Image) -> None:
    every = [("data", id_, 1, id_ * 10) for id_ in range(5)]
    assert rows_of(image, "kind, file_id, table_id, expected", "data") == every
    assert rows_of(image, "kind, file_id, table_id, expected") == [*every, ("delete", 9, 1, None)]


def test_a_catalog_without_a_table_of_deletes_names_the_others(image: Image) -> None:
    without = image.without("ducklake_delete_file")
    assert len(rows_of(without, "kind")) == 5
