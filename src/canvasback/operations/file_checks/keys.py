"""Files that are encrypted, or should be: does the catalog have the key?"""

from __future__ import annotations

import duckdb

from canvasback.model.relation import file_literal, literal
from canvasback.operations.damage import DamagedFile
from canvasback.operations.file_checks.ends import End
from canvasback.operations.file_checks.footers import judge
from canvasback.operations.file_checks.kinds import KEY
from canvasback.operations.file_checks.wanted import WantedFile


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


def read_call(path: str, key: str | None) -> str:
    """A call that reads a file as it is, without a look at the folders it lies in."""
    config = "" if key is None else f", encryption_config = {{footer_key_value: from_base64({literal(key)})}}"
    return f"read_parquet({file_literal(path)}, hive_partitioning = false{config})"
