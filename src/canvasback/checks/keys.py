"""Files that are encrypted, or should be: does the catalog have the key?"""

from __future__ import annotations

import duckdb

from canvasback.checks.footers import judge
from canvasback.checks.kinds import KEY
from canvasback.checks.wanted import WantedFile
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.parquet.encryption import read_call
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
        found = connection.execute(f"SELECT count(*) FROM {read_call(end.path, file.key)}").fetchone()
    except duckdb.Error as error:
        # DuckDB's message may quote the statement, and with it the key: keep its first words only.
        reason = str(error).splitlines()[0].partition(":")[0]
        return file.damaged(KEY, f"cannot be decrypted with the catalog's key: {reason}")
    return judge(file, end, {"rows": found[0] if found else 0})
