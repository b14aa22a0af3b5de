"""pitr verify: are the base backups and the log in a repository sound, and is nothing missing between them?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from canvasback.errors import CanvasbackError, CorruptError
from canvasback.model.base_backup import BaseBackup, chain
from canvasback.model.clock import now
from canvasback.model.finding import Finding, Findings
from canvasback.model.level import RestoreLevel
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.pitr_verify import PitrVerifyResult
from canvasback.model.wal import history_name
from canvasback.postgres.packed_base import check_base
from canvasback.postgres.reach import gaps, reaches
from canvasback.postgres.repository_archive import RepositoryArchive, no_archive
from canvasback.repository.archived_log import ArchivedLog, systems
from canvasback.repository.bases import TAR, base_name, read_bases
from canvasback.repository.repository import open_repository
from canvasback.repository.wal_object import wal_folder, wal_name
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Store


@translates_errors
def pitr_verify(
    repository: str,
    *,
    level: RestoreLevel | str = RestoreLevel.EXISTS,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> PitrVerifyResult:
    """See whether what PostgreSQL servers archived in a repository can be recovered. Nothing is changed.

    Args:
        repository: The repository, a folder or a URL.
        level: ``exists``: what a base backup rests on is there, the log reaches from each as far as it needs, and no
            segment is missing between others. ``checksum``: also, every segment and every file of every base backup
            is what was written.
        jobs: How many segments are read at a time; None for what suits the storage.
        stores: How to reach object stores.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: There is no such level (``unknown-level``).
        RepositoryError: There is no repository.
        RefusedError: There is no archive in it (``no-archive``).
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    level = RestoreLevel.of(level)
    store = open_repository(run.stores, repository).store
    findings = Findings()
    found = systems(store)
    if not found:
        raise no_archive(store)  # nothing is not sound
    bases_seen = segments = 0
    for system in found:
        bases, damage = read_bases(store, system)
        findings.extend(damage)
        log = ArchivedLog(store, system)
        held = log.held()
        bases_seen += len(bases)
        segments += len(held.segments)
        if bases:
            findings.extend(_holes(RepositoryArchive(store, system, bases)))
        elif not damage:
            findings.add(
                Finding(
                    "log-without-base",
                    "warning",
                    wal_folder(system),
                    "there is a log and no base backup, without which no log is of use",
                    "Let pitr run make one: it does when it begins.",
                )
            )
        if level is RestoreLevel.CHECKSUM:
            others = [*(part.file for part in held.parts), *map(history_name, held.histories)]
            findings.extend(_damaged_files(run, log, [*held.segments, *others]))
            findings.extend(_damaged_bases(store, bases))
    return PitrVerifyResult(
        repository=store.url,
        level=level,
        systems=len(found),
        bases=bases_seen,
        segments=segments,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _holes(archive: RepositoryArchive) -> Iterator[Finding]:
    where = archive.log.system
    for first, last in gaps(archive):
        named = first.name if first == last else f"{first.name} to {last.name}"
        yield Finding(
            "log-gap",
            "warning",
            wal_name(where, first.name),
            f"the log has a gap: {named} is missing, so that no recovery gets from before it to after it",
            "If the server has it in pg_wal still, archive it: canvasback-wal-push. Else make a base backup soon.",
        )
    for reach in reaches(archive):
        name = base_name(where, reach.base.id, TAR)
        if not reach.whole:
            yield Finding(
                "base-unusable",
                "error",
                name,
                f"the log reaches to {reach.end} from base backup {reach.base.id}, which needs it to {reach.base.end}",
                "If it was made just now, let pitr run go on until the log is there. Else make a new one.",
            )
        try:
            chain(archive.bases, reach.base)
        except CorruptError as error:
            yield Finding("base-missing", "error", name, error.message, "Make a new full base backup.")


def _damaged_files(run: Run, log: ArchivedLog, files: list[str]) -> Iterator[Finding]:
    def look(file: str, _: Stop) -> Finding | None:
        try:
            log.get(file)
        except CanvasbackError as error:
            return Finding(error.code, "error", wal_name(log.system, file), error.message, error.hint)
        return None

    with run.in_parallel(files, each(look), log.store) as looked:
        yield from (one for one in looked if one is not None)


def _damaged_bases(store: Store, bases: tuple[BaseBackup, ...]) -> Iterator[Finding]:
    for base in bases:
        name = base_name(int(base.system), base.id, TAR)
        try:
            check_base(store, name, base.blake3)
        except CanvasbackError as error:
            yield Finding(error.code, "error", name, error.message, error.hint)
