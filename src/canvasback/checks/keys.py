"""Files that are encrypted, or should be: does the catalog have the key?"""

from __future__ import annotations

import duckdb

from canvasback.checks.footers import judge
from canvasback.checks.kinds import KEY
from canvasback.checks.wanted import WantedFile
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.parquet.encryption import UndecipheredError, count_rows
from canvasback.parquet.file_end import End


def key_fault(file: WantedFile, end: End) -> DamagedFile | None:
    """What is wrong if a file is encrypted and the catalog has no key, or the reverse."""
    if end.encrypted and file.key is None:
        return file.damaged(KEY, "is encrypted, and the catalog has no key of it", lost=False)
    if not end.encrypted and file.key is not None:
        return file.damaged(KEY, "is not encrypted, and the catalog has a key of it")
    return None


def compare_encrypted(connection: duckdb.DuckDBPyConnection, file: WantedFile, end: End) -> DamagedFile | None:
    """Compare an encrypted file, whose footer tells no more than its number of rows."""
    try:
        rows = count_rows(connection, end.path, file.key)
    except UndecipheredError as error:
        return file.damaged(KEY, f"cannot be decrypted with the catalog's key: {error}")
    return judge(file, end, {"rows": rows})
