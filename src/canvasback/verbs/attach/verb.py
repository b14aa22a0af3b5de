"""attach: a small DuckDB file through which a point can be read where it lies."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

import duckdb

from canvasback.catalog.dialects import in_dialect, readable
from canvasback.catalog.engines.duckdb.views import write_views
from canvasback.catalog.image import Image
from canvasback.catalog.reading.forgotten import forgotten_findings
from canvasback.catalog.rules.unreadable import unreadable
from canvasback.catalog.writing.edits import edited
from canvasback.catalog.writing.rewind import rewind_edits, straddling
from canvasback.datapath.file_sources import PointFiles
from canvasback.errors import CorruptError, RefusedError
from canvasback.history.lost_types import lost_types
from canvasback.history.points import image_of, open_moment
from canvasback.history.times import moment_of
from canvasback.model.clock import now
from canvasback.model.finding import Finding, Findings
from canvasback.model.plurals import either, many
from canvasback.model.relation import literal
from canvasback.model.results.attach import AttachResult
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.keyring import keyring_of
from canvasback.storage.locations import Stores, is_remote, refuse_url
from canvasback.storage.run import Run
from canvasback.storage.store import Store
from canvasback.verbs.attach.deletes_shown import with_true_deletes
from canvasback.verbs.attach.held_files import where_held
from canvasback.verbs.attach.rows_shown import rows_shown

_READERS = {"0.1": "DuckDB 1.3.0", "0.2": "DuckDB 1.3.1 or 1.3.2", "0.3": "DuckDB 1.4", "1.0": "DuckDB 1.5"}

_ACCESS = {
    "s3": "LOAD httpfs; CREATE SECRET (TYPE s3, PROVIDER credential_chain); then the ATTACH.",
    "r2": "LOAD httpfs; CREATE SECRET (TYPE r2, KEY_ID …, SECRET …, ACCOUNT_ID …); then the ATTACH.",
    "gs": "LOAD httpfs; CREATE SECRET (TYPE gcs, KEY_ID …, SECRET …) with an HMAC key; then the ATTACH.",
    "gc": "LOAD httpfs; CREATE SECRET (TYPE gcs, KEY_ID …, SECRET …) with an HMAC key; then the ATTACH.",
    "az": "LOAD azure; CREATE SECRET (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME …); then the ATTACH.",
    "ab": "LOAD azure; CREATE SECRET (TYPE azure, PROVIDER credential_chain, ACCOUNT_NAME …); then the ATTACH.",
}
"""What DuckDB needs for URLs that begin like this."""


@translates_errors
def attach(
    repository: str,
    point: str | None = None,
    *,
    at_snapshot: int | None = None,
    at_time: str | datetime | None = None,
    out: str | None = None,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> AttachResult:
    """Make a DuckDB file of views over a point's chunks, whose data path is the repository, or who holds its files.

    It takes the same short time whatever the size of the lake. The repository must stay where it is while the
    file is used, and the point can be read, not written to.

    Args:
        repository: The repository: a folder, or a URL in an object store.
        point: An id, a unique beginning of one, or ``latest``, which is what None means where no moment is given;
            else the oldest point that holds the moment.
        at_snapshot: Show what the lake was at this snapshot, with all the history before it.
        at_time: The same, for the newest snapshot at or before a time: ISO 8601 with a zone, or ``2 hours ago``.
        out: The file to make; ``<point>.ducklake`` in the working folder if None, and ``<point>-at-s<N>.ducklake``
            for a moment.
        stores: How to reach object stores; by each cloud's own configuration if None.
        clock: Tells the time.

    Raises:
        RefusedError: The file is there already (``target-not-empty``), no point holds the moment
            (``moment-not-held``), the point reads files outside of the repository (``unsafe-name``), the file is named
            by a URL (``url-not-writable``), DuckLake would not read the lake (``point-unreadable``), copies of data
            files are sealed (``data-sealed``), or the repository has no copies and the lake's bucket shows other
            versions now (``versions-needed``).
        CorruptError: The point's manifest or an index object is damaged.
    """
    if out is not None:
        refuse_url(out)
    run = Run.begin(stores=stores, clock=clock)
    moment = moment_of(at_snapshot, at_time, run.now())
    opened, manifest, commit = open_moment(run.stores, repository, point, moment)
    _refuse_sealed_data(opened.store)
    name = manifest.id if moment is None else f"{manifest.id}-at-s{commit.snapshot}"
    target = os.path.abspath(f"{name}.ducklake" if out is None else out)
    if os.path.lexists(target):
        raise RefusedError(
            "target-not-empty", f"{target} is there already", hint="Name another file with --out, or remove it."
        )
    findings = Findings()
    with image_of(opened.store, manifest, by_url=True, others=[os.path.dirname(target)]) as image:
        try:
            _refuse_unreadable(image, manifest.id, commit.snapshot)
            _refuse_sealed_partitions(image, opened.store)
            findings.extend(lost_types(image, manifest))
            shown = in_dialect(readable(image), "duckdb")
            if commit.snapshot < manifest.snapshot_id:
                findings.extend(forgotten_findings(shown, commit.snapshot))
                sources = PointFiles(image, opened.store, manifest)
                counted = rows_shown(shown, commit.snapshot, straddling(shown, commit.snapshot), sources)
                past = edited(shown, rewind_edits(shown, commit.snapshot, counted=counted))
                shown = with_true_deletes(shown, past, commit.snapshot, sources, findings)
            write_views(where_held(shown, opened.store, manifest), target)
        except duckdb.Error as error:
            raise CorruptError(
                "chunk-missing" if isinstance(error, duckdb.IOException) else "chunk-corrupt",
                f"the chunks of point {manifest.id} cannot be read: {str(error).splitlines()[0]}",
                hint="Run verify --all to see which points are whole, and attach one of those.",
            ) from error
    if manifest.totals.absent:
        findings.add(
            Finding(
                "files-absent",
                "error",
                manifest.id,
                f"{manifest.totals.absent} of {many(manifest.totals.count, 'file')} "
                f"{either(manifest.totals.absent, 'was', 'were')} not saved: reading their tables fails",
                "Run show to see which files, and try an older point for their tables.",
            )
        )
    version = manifest.catalog.version
    options = "READ_ONLY"
    if manifest.catalog.engine == "duckdb" and manifest.catalog.schema != "main":
        options += f", METADATA_SCHEMA {literal(manifest.catalog.schema)}"
    if version in _READERS and not duckdb.__version__.startswith(_READERS[version].split()[1][:3]):
        findings.add(
            Finding(
                "other-reader",
                "info",
                target,
                f"the lake is of DuckLake version {version}: a newer extension wants to migrate it, which a file "
                "for reading does not allow",
                f"Attach it with {_READERS[version]}, or restore it to a new place and attach that.",
            )
        )
    if keyring_of(opened.store) is not None:
        findings.add(
            Finding(
                "needs-key",
                "info",
                opened.store.url,
                "the chunks are encrypted, and DuckDB reads them with the key in its session",
                "Run in that session, before the ATTACH, what key sql prints.",
            )
        )
    places = [opened.store.url] if manifest.holding is None else [opened.store.url, manifest.holding.url]
    for place in filter(is_remote, places):
        findings.add(
            Finding(
                "needs-access",
                "info",
                place,
                "DuckDB reads what is there itself, with its own extension and credentials",
                _ACCESS[place.partition("://")[0][:2]],
            )
        )
    return AttachResult(
        point=manifest.id,
        snapshot_id=commit.snapshot,
        file=target,
        statement=f"ATTACH {literal('ducklake:' + target)} AS lake ({options});",
        ducklake_version=version,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _refuse_sealed_data(store: Store) -> None:
    keyring = keyring_of(store)
    if keyring is not None and keyring.data:
        raise RefusedError(
            "data-sealed",
            f"copies of data files in {store.url} are sealed, and DuckDB cannot read them where they lie",
            hint="Restore the point to a new place, and read that.",
        )


def _refuse_unreadable(image: Image, point: str, snapshot: int) -> None:
    for finding in unreadable(image, snapshot):
        raise RefusedError(
            "point-unreadable",
            f"the lake of point {point} cannot be looked at: {finding.where} {finding.message}",
            hint="Attach an older point: list names them. Or restore this one, and see what check says of it.",
        )


def _refuse_sealed_partitions(image: Image, store: Store) -> None:
    """See that DuckLake need not read values from the names of files, which a sealed repository does not have."""
    mapping = image.tables.get("ducklake_name_mapping")
    if mapping is None or keyring_of(store) is None or not mapping.has("is_partition"):
        return
    if image.connection.execute(f"SELECT true FROM ({mapping.select}) WHERE is_partition LIMIT 1").fetchone():
        raise RefusedError(
            "data-sealed",
            f"values of partitions stand in the names of some files of the lake, and names in {store.url} tell nothing",
            hint="Restore the point to a new place, and read that.",
        )
