"""A catalog of views: a DuckDB file that DuckLake's extension reads as a catalog, over rows that lie elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from canvasback.catalog.engines.files import translate_write_error
from canvasback.catalog.image import Image
from canvasback.errors import RefusedError
from canvasback.model.relation import identifier, literal
from canvasback.storage.local.modes import belong_to_folder
from canvasback.storage.local.staging import staged_path, sweep

_TABLE = "ducklake_metadata"
"""The one table that has to be a table: if it is a view, the extension says that there is no lake."""


def write_views(image: Image, path: str) -> None:
    """Write a DuckDB file in which every catalog table is a view of the image's relation.

    Its storage version is the oldest, so that every release of DuckDB since 1.0 opens it.

    Raises:
        RefusedError: The file appeared meanwhile (``target-not-empty``).
        StorageError: It cannot be written.
        duckdb.Error: The image cannot be read.
    """
    connection = image.connection
    folder, name = os.path.split(path)
    staged = staged_path(path)
    sweep(folder, name)
    try:
        os.makedirs(folder, exist_ok=True)
        connection.execute(f"ATTACH {literal(staged)} AS target (STORAGE_VERSION 'v1.0.0')")
        try:
            schema = f"target.{identifier(image.record.schema)}"
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for relation in image.tables.values():
                kind = "TABLE" if relation.name == _TABLE else "VIEW"
                connection.execute(f"CREATE {kind} {schema}.{identifier(relation.name)} AS {relation.select}")
        finally:
            connection.execute("DETACH target")
        belong_to_folder(staged)
        os.link(staged, path)
    except FileExistsError as error:
        raise RefusedError("target-not-empty", f"{path} appeared meanwhile", hint="Name another file.") from error
    except duckdb.Error as error:
        if staged not in str(error) and "No space left" not in str(error):
            raise  # it is the image that cannot be read
        raise translate_write_error(error, path) from error
    except OSError as error:
        raise translate_write_error(error, path) from error
    finally:
        for leftover in (staged, staged + ".wal"):
            Path(leftover).unlink(missing_ok=True)
