"""Makes the repositories without copies, of format 5, that every later release has to read, and says what is in them.

Run it by hand, once, before that format is released: `.venv/bin/python -m tests.golden.make_borrowing`. Two lakes were
written by the real extension, one to a bucket that keeps versions, one to a disk. Of both there are points of before
and after a merge and a cleanup, a file from elsewhere, and beside the repository the files as they were lent, under the
names that points have for them.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import canvasback
from canvasback import StoreOptions
from canvasback.repository.repository import open_repository
from canvasback.storage.store import Store
from tests.clouds import Cloud
from tests.golden.make import anonymous, clock
from tests.lake.cloud_lakes import session
from tests.lake.values import literal
from tests.object_servers import ministack
from tests.oracle.reader import fingerprint, tables

HERE = Path(__file__).parent
KINDS = ("versions", "replica")
ARCHIVES = {kind: HERE / f"{kind}-format-5.tar.gz" for kind in KINDS}
EXPECTED = {kind: HERE / f"{kind}-format-5.json" for kind in KINDS}

FIRST = (
    "CREATE TABLE lake.main.t (a INTEGER, b VARCHAR)",
    "INSERT INTO lake.main.t SELECT range, 'row ' || range FROM range(100)",
    "INSERT INTO lake.main.t SELECT range, 'row ' || range FROM range(100, 130)",
    "INSERT INTO lake.main.t VALUES (1000, 'inlined')",
    'CREATE TABLE lake.main."odd näme" AS SELECT range AS a FROM range(20)',
)
THEN = (
    "DELETE FROM lake.main.t WHERE a % 10 = 0",
    "CALL ducklake_merge_adjacent_files('lake')",
    "CALL ducklake_expire_snapshots('lake', older_than => now())",
    "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "INSERT INTO lake.main.t VALUES (2000, 'later')",
)


def make() -> None:
    """Write the archives and what is expected of them beside this file."""
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_EC2_METADATA_DISABLED="true")  # noqa: S106
    with tempfile.TemporaryDirectory(prefix="canvasback-golden-") as folder, ministack(Path(folder)) as server:
        where = Cloud("s3", server, StoreOptions(endpoint=server.endpoint, region="us-east-1"))
        for kind in KINDS:
            place, out = Path(folder) / kind, Path(folder) / f"{kind}-out"
            place.mkdir()
            told = {"points": points_of(where, kind, place, out)}
            EXPECTED[kind].write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
            with tarfile.open(ARCHIVES[kind], "w:gz", compresslevel=9) as archive:
                archive.add(out / "repository", "repository", filter=anonymous)
                archive.add(out / "files", "files", filter=anonymous)
            print(f"{ARCHIVES[kind].name}: {ARCHIVES[kind].stat().st_size:,} bytes")


def points_of(where: Cloud, kind: str, place: Path, out: Path) -> list[dict[str, Any]]:
    """Make a repository of two points; what each holds."""
    stores, catalog = where.stores(), place / "main.ducklake"
    lake, repository = f"ducklake:{catalog}", str(out / "repository")
    data = f"{where.bucket(versions=True)}lake/" if kind == "versions" else f"{place}/data/"
    replica = None if kind == "versions" else f"{place}/replica/"
    outside = place / "by hand.parquet"
    options = (f"DATA_PATH {literal(data)}", "DATA_INLINING_ROW_LIMIT 5")
    points = []
    for number, statements in enumerate((FIRST, THEN)):
        with session(where, lake, *options) as connection:
            for statement in statements:
                connection.execute(statement)
            if number == 0:
                connection.execute(f"COPY (SELECT 7 AS a, 'outside' AS b) TO {literal(str(outside))}")
                connection.execute(f"CALL ducklake_add_data_files('lake', 't', {literal(str(outside))})")
        if replica is not None:
            shutil.copytree(data, replica, dirs_exist_ok=True)
        if number == 0:
            canvasback.init(lake, repository, storage=kind, replica_url=replica, stores=stores, clock=clock(0))
        made = canvasback.backup(lake, repository, stores=stores, clock=clock(number + 1))
        assert made.findings == (), made
        points.append({"point": made.point, "tables": heads_of(where, lake)})
    lend(open_repository(stores, repository).store, f"{kind}/", out / "files")
    return points


def heads_of(where: Cloud, lake: str) -> dict[str, Any]:
    """As `tests.golden.contents.heads`, of a lake that may be in a bucket."""
    with session(where, lake, "READ_ONLY") as connection:
        return {f"{schema}.{table}": fingerprint(connection, schema, table) for schema, table in tables(connection)}


def lend(store: Store, prefix: str, folder: Path) -> None:
    """Keep what is lent, under the names that points have for it."""
    for stat in store.list(prefix):
        path = folder / stat.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.get(stat.name))


if __name__ == "__main__":
    make()
