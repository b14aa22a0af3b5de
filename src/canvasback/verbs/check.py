"""check: is a live lake sound? Looks, and never writes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.catalog.reading.lake_tables import find_tables
from canvasback.catalog.reading.table_states import table_states
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.diagnosis import Diagnosis, Examiner
from canvasback.checks.repository_files import open_of_lake, refuse_without_repository
from canvasback.datapath.opened_lake import open_lake
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.level import CheckLevel
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.check import CheckResult, Stretch, TableHealth
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run

_STRETCHES = 60


@translates_errors
def check(
    lake: str,
    repository: str | None = None,
    *,
    level: CheckLevel | str = CheckLevel.FOOTERS,
    table: str | None = None,
    data_path: str | None = None,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> CheckResult:
    """Look for damage of a live lake, without writing anything, and without locking anybody out.

    Args:
        lake: The lake, as in ATTACH.
        repository: The lake's repository, which knows what the files' bytes were; for level ``checksum``.
        level: ``catalog``: does the catalog keep DuckLake's rules? ``exists``: also, is every file there with its
            size, and nothing else? ``footers``: also, does every file's Parquet footer say what the catalog says?
            ``rows``: also, can every row be read, and is it what the statistics promise? ``checksum``: the footers,
            and every byte is what a point of the repository saved.
        table: Look only at this table, or at all tables of this schema.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: There is no such level (``unknown-level``), or it is ``checksum`` without a repository
            (``no-repository``), or the table's name cannot be read.
        RefusedError: There is no such table (``table-not-there``), or the repository is of another lake.
        LakeError: The catalog cannot be read.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    moment = run.now()
    level = CheckLevel.of(level)
    refuse_without_repository(level, repository)
    name = parse_lake(lake)
    with open_lake(open_engine(name, run.stores), name, data_path=data_path) as live:
        image = live.image
        snapshot, committed, _ = image.head()
        wanted = None
        if table is not None:
            wanted = frozenset(found.table_id for found in find_tables(image, snapshot, table, str(name)))
        root = live.root()
        opened = open_of_lake(image, run.stores, repository, name) if repository is not None else None
        examiner = Examiner(run, root, level, opened, moment)
        diagnosis = examiner.diagnose(image, wanted)
        findings = diagnosis.findings()
        findings.merge(examiner.passed_over)
        return CheckResult(
            lake=str(name),
            engine=live.stored.record.engine,
            ducklake_version=live.stored.record.version,
            snapshot_id=snapshot,
            snapshot_time=committed,
            data_path=root,
            level=level,
            time=moment,
            tables=_tables(image, snapshot, diagnosis, wanted),
            files=diagnosis.files,
            bytes=diagnosis.bytes,
            accepted=diagnosis.accepted,
            unknown_checksums=examiner.unknown_checksums,
            seconds=run.seconds,
            findings=findings.kept,
            finding_counts=findings.counts,
        )


def _tables(image: Image, head: int, diagnosis: Diagnosis, wanted: frozenset[int] | None) -> tuple[TableHealth, ...]:
    """All tables that the newest snapshot sees, and of the dropped ones those that are damaged; these first."""
    states = {state.table_id: state for state in table_states(image, head)}
    totals = {
        table_id: (int(files), int(bytes_))
        for table_id, files, bytes_ in image.rows(
            "SELECT table_id, count(*), coalesce(sum(file_size_bytes), 0) FROM {ducklake_data_file} f GROUP BY 1"
        )
    }
    damaged = diagnosis.damaged.counts()
    faults: dict[int, int] = {}
    for _, fault in diagnosis.faults:
        if fault.table_id is not None:
            faults[fault.table_id] = faults.get(fault.table_id, 0) + 1
    rows_lost = diagnosis.damaged.lost_rows(image, head)
    stretches = _stretches(image, diagnosis.damaged)
    found = []
    for id_, table in diagnosis.names.items():
        lost, wrong = damaged.get(id_, (0, 0))
        findings = faults.get(id_, 0) + wrong
        if (id_ not in states and not findings) or (wanted is not None and id_ not in wanted):
            continue
        state = states.get(id_)
        files, bytes_ = totals.get(id_, (0, 0))
        found.append(
            TableHealth(
                schema=state.schema if state else table.schema,
                table=state.table if state else table.name,
                table_id=id_,
                dropped=state is None,
                files=files,
                bytes=bytes_,
                rows=state.rows if state else 0,
                rows_lost=rows_lost.get(id_, 0),
                lost=lost,
                findings=findings,
                stretches=stretches.get(id_, ()),
            )
        )
    return tuple(sorted(found, key=lambda health: (-health.lost, -health.findings, health.schema, health.table)))


def _stretches(image: Image, damaged: DamagedFiles) -> dict[int, tuple[Stretch, ...]]:
    """The data files of damaged tables in the order in which they were written, a few side by side as one."""
    deletes = "SELECT delete_file_id, data_file_id FROM {ducklake_delete_file} x"
    if "ducklake_delete_file" not in image.tables:
        deletes = "SELECT 0 AS delete_file_id, 0 AS data_file_id WHERE false"
    rows = image.rows(
        f"""
        WITH states AS (
            SELECT coalesce(x.data_file_id, d.file_id) AS file_id, bool_or(d.lost) AS lost
            FROM {damaged} d LEFT JOIN ({deletes}) x ON d.file_kind = 'delete' AND x.delete_file_id = d.file_id
            GROUP BY 1
        ), ordered AS (
            SELECT f.table_id, f.begin_snapshot, s.lost,
                ntile({_STRETCHES}) OVER (PARTITION BY f.table_id ORDER BY f.begin_snapshot, f.data_file_id) AS part
            FROM {{ducklake_data_file}} f LEFT JOIN states s ON s.file_id = f.data_file_id
            WHERE f.table_id IN (SELECT table_id FROM {damaged})
        )
        SELECT table_id, count(*), count(*) FILTER (lost), count(*) FILTER (NOT lost), min(begin_snapshot)
        FROM ordered GROUP BY table_id, part ORDER BY table_id, part
        """
    )
    found: dict[int, list[Stretch]] = {}
    for table_id, files, lost, wrong, begin in rows:
        stretch = Stretch(files=int(files), lost=int(lost), wrong=int(wrong), begin_snapshot=int(begin))
        found.setdefault(table_id, []).append(stretch)
    return {table_id: tuple(of_table) for table_id, of_table in found.items()}
