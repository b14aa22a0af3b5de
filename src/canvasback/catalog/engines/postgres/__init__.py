"""Catalogs in PostgreSQL databases."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canvasback.catalog.engines import Engine
    from canvasback.model.lake import LakeName
    from canvasback.storage.locations import Stores


def open_catalog(lake: LakeName, _stores: Stores) -> Engine:
    """The engine of a lake's catalog."""
    from canvasback.catalog.engines.postgres.engine import PostgresEngine  # noqa: PLC0415 - types are asked without the driver

    return PostgresEngine(lake)
