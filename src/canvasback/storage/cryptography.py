"""What DuckDB needs to write encrypted Parquet. Reading it takes nothing."""

from __future__ import annotations

import contextlib
from glob import glob
from importlib import resources

import duckdb

from canvasback.errors import LakeError
from canvasback.model.relation import literal

_EXTENSION = "httpfs"
"""The extension that brings random numbers which are good enough for keys: https://duckdb.org/docs/stable/data/parquet/encryption."""


def load_cryptography(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a connection write encrypted Parquet.

    The extension is taken from where it was installed, or from the package ``duckdb-extension-httpfs`` or
    ``duckdb-ext-httpfs``; else DuckDB fetches it.

    Raises:
        LakeError: It is nowhere (``cryptography-missing``).
    """
    reasons = []
    for load in (f"LOAD {_EXTENSION}", *_packaged(), f"INSTALL {_EXTENSION}; LOAD {_EXTENSION}"):
        try:
            connection.execute(load)
        except duckdb.Error as error:
            reasons.append(str(error).splitlines()[0])
        else:
            return
    raise LakeError(
        "cryptography-missing",
        f"DuckDB's extension {_EXTENSION} is needed to write a sealed repository, and cannot be loaded: {reasons[-1]}",
        hint=f"Install it: duckdb -c 'INSTALL {_EXTENSION}', or pip install duckdb-extension-{_EXTENSION}.",
    )


def _packaged() -> list[str]:
    """How to load it from a package of Python's: each family of them has its own folders."""
    found: list[str] = []
    for package in (f"duckdb_extension_{_EXTENSION}", "duckdb_ext"):
        with contextlib.suppress(ModuleNotFoundError):
            folder = f"{resources.files(package)}/extensions/v{duckdb.__version__}"
            files = glob(f"{folder}/**/{_EXTENSION}.duckdb_extension", recursive=True)
            found += [f"LOAD {literal(file)}" for file in files]
    return found
