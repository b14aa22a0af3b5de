"""Letting DuckDB read a store's objects by their URLs, without an extension and credentials of its own."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from typing import Any

import duckdb

from canvasback.storage.store import Store


def register(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    """From now on the connection reads URLs of the store's scheme from the store, whole objects at a time.

    So a view over ``s3://…`` can be made where nothing of DuckDB's can reach S3.
    """
    from fsspec.spec import AbstractFileSystem  # noqa: PLC0415 - only who attaches a bucket needs it

    scheme, _, below = store.url.partition("://")

    class Files(AbstractFileSystem):  # type: ignore[misc] # fsspec has no types
        protocol = scheme
        cachable = False

        def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
            with open(self._path(path), mode) as file:
                return io.BytesIO(file.read())  # DuckDB would not close the file

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            return {"name": path, "size": os.path.getsize(self._path(path)), "type": "file"}

        def exists(self, path: str, **_: Any) -> bool:  # noqa: ARG002
            return True

        def glob(self, path: str, **_: Any) -> list[str]:
            return [path]

        def modified(self, path: str) -> datetime:  # noqa: ARG002
            return datetime(1970, 1, 1, tzinfo=UTC)

        def _path(self, path: str) -> str:
            name = path.removeprefix(f"{scheme}://").removeprefix(below)
            return store.local_paths([name])[0]

    connection.register_filesystem(Files())
