"""The cases, in the order they are run: each takes a session and returns rows of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.cases import (
    catalog,
    catalog_postgres,
    catalog_sqlite,
    check_catalog,
    check_footers,
    commit_scale,
    files_commit,
    files_large,
    files_small,
    mirror,
    prune,
    rewind,
    s3_commit,
    s3_down,
    s3_pinned,
    s3_up,
    s3_versions,
    s3_within,
    sealing,
    start,
    watch_idle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.report import Row
    from bench.session import Session

CASES: dict[str, Callable[[Session], list[Row]]] = {
    start.NAME: start.run,
    files_small.NAME: files_small.run,
    files_large.NAME: files_large.run,
    files_commit.NAME: files_commit.run,
    mirror.NAME: mirror.run,
    prune.NAME: prune.run,
    sealing.NAME: sealing.run,
    commit_scale.NAME: commit_scale.run,
    catalog.NAME: catalog.run,
    catalog_sqlite.NAME: catalog_sqlite.run,
    catalog_postgres.NAME: catalog_postgres.run,
    watch_idle.NAME: watch_idle.run,
    rewind.NAME: rewind.run,
    check_catalog.NAME: check_catalog.run,
    check_footers.NAME: check_footers.run,
    s3_up.NAME: s3_up.run,
    s3_down.NAME: s3_down.run,
    s3_within.NAME: s3_within.run,
    s3_commit.NAME: s3_commit.run,
    s3_versions.NAME: s3_versions.run,
    s3_pinned.NAME: s3_pinned.run,
}
