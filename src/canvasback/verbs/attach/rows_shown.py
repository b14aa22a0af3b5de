"""How many rows of files a snapshot sees that have later ones too, which stands in the files alone.

Whoever reads such a file gets the right rows, but of a head DuckLake 1.0 counts by the catalog: ``count(*)`` is the sum
of what that says of each file. So a catalog that shows a snapshot as its head without new files has to say the number.
Source: the extension's `GetNetDataFileRowCountSql` and `DuckLakeGetPartitionStats`, 1.0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection

import duckdb

from canvasback.catalog.image import Image
from canvasback.catalog.spec import SNAPSHOT_IDS
from canvasback.datapath.file_sources import FileSources
from canvasback.model.relation import identifier
from canvasback.parquet.encryption import read_call


def rows_shown(
    image: Image, snapshot: int, straddlers: Collection[tuple[str, int]], sources: FileSources
) -> dict[int, int]:
    """The number of rows by data file. Where one cannot be read it is left out: reading its table will fail.

    Args:
        image: The catalog in DuckDB's dialect, over whose connection the files can be read.
        snapshot: The snapshot.
        straddlers: The files; see `canvasback.catalog.writing.rewind.straddling`.
        sources: Where they are.
    """
    ids = [file_id for kind, file_id in straddlers if kind == "data"]
    if not ids or not image.has("ducklake_data_file", "partial_max"):  # 0.3 counts by reading
        return {}
    keys = dict(
        image.rows(
            "SELECT data_file_id, encryption_key FROM {ducklake_data_file} f "
            f"WHERE data_file_id IN ({', '.join(map(str, ids))})"
        )
    )
    found: dict[int, int] = {}
    for source in sources.find("data", ids):
        file = read_call(source.place, keys[source.file_id])
        with contextlib.suppress(duckdb.Error):
            names = [name for name, *_ in image.connection.execute(f"DESCRIBE FROM {file}").fetchall()]
            number = next((name for name in SNAPSHOT_IDS if name in names), None)
            if number is not None:
                counted = f"SELECT count(*) FROM {file} WHERE {identifier(number)} <= {snapshot}"
                [(found[source.file_id],)] = image.connection.execute(counted).fetchall()
    return found
