"""Catalogs in DuckDB files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canvasback.catalog.engines import Engine
    from canvasback.model.lake import LakeName
    from canvasback.storage.locations import Stores


def open_catalog(lake: LakeName, stores: Stores) -> Engine:
    """The engine of a lake's catalog, which may be a file that only a URL leads to."""
    from canvasback.catalog.engines.duckdb.engine import DuckDBEngine  # noqa: PLC0415 - types are asked without it
    from canvasback.catalog.engines.duckdb.url import UrlEngine  # noqa: PLC0415

    return UrlEngine(lake, stores) if lake.is_url else DuckDBEngine(lake.target, lake.schema)
