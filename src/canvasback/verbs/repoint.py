"""repoint: a live catalog whose files are at another place now."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

from canvasback.catalog.engines import open_to_change
from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import named_files
from canvasback.catalog.writing.repoint import folders_elsewhere, repoint_statements
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import AccessDeniedError, RefusedError
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import parse_lake
from canvasback.model.plurals import either, many_are
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.repoint import RepointResult
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows, one_row
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores, folder_url, is_remote, relative_folder
from canvasback.storage.parallel import Stop, each
from canvasback.storage.run import Run
from canvasback.storage.store import Store

_BATCH = 4096
_SAMPLE = 20
_SHOWN = 3
_CURE = "Copy it there, from the old place or from a backup."
_PRESENT = {"path": "VARCHAR", "size": "BIGINT"}


@translates_errors
def repoint(
    lake: str,
    data_path: str,
    *,
    verify: bool = False,
    keep_elsewhere: bool = False,
    relative: bool | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
) -> RepointResult:
    """Point a live catalog at another data path, which holds its files already; no file is read or written.

    All that names the old place absolutely is changed, in one transaction: folders of schemas and tables, data
    files, delete files, files that are scheduled for deletion, and the data path itself. A plain ATTACH works
    afterwards. Whoever has the lake attached meanwhile has to attach it again.

    Args:
        lake: The lake, as in ATTACH.
        data_path: Where its files are now.
        verify: First see that every file of the catalog is there with its size.
        keep_elsewhere: Leave files outside of the data path where they are, instead of refusing.
        relative: Let the catalog name the folder relatively, for a lake that travels with its files: DuckLake takes it
            as relative to the folder in which a program runs. None for as it is given, as with DATA_PATH in ATTACH.
        dry_run: Look only; what is missing there are findings.
        jobs: How many files are looked at a time where there may be no listing; None for what suits the storage.
        stores: How to reach object stores; by each cloud's own configuration if None.
        progress: Told how the work goes on.

    Raises:
        RefusedError: Files are not there (``files-not-there``), or lie outside of the data path
            (``files-elsewhere``); nothing was changed.
        LockedError: Another process has the catalog open.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress)
    name = parse_lake(lake)
    engine = open_to_change(name)
    new = folder_url(data_path)
    if relative is None:
        relative = not is_remote(data_path) and not os.path.isabs(data_path.removeprefix("file://"))
    spelled = relative_folder(data_path) if relative else ""
    findings = Findings()
    with open_lake(engine, name, may_be_incomplete=True) as live:
        image = live.image
        old = live.root()
        named = _NamedFiles(image, old)
        elsewhere = [*folders_elsewhere(image, old), *named.elsewhere()]
        if elsewhere and not keep_elsewhere:
            raise RefusedError(
                "files-elsewhere",
                f"{_places(elsewhere)} of the lake {either(len(elsewhere), 'lies', 'lie')} outside of its data path "
                f"{old}: {', '.join(elsewhere[:_SHOWN])}",
                hint="If they are to stay where they are, add --keep-elsewhere. To move them too, back the lake up and "
                "restore it with --data-path.",
            )
        target = run.stores.open(new)
        if verify:
            _verify(named, image, target, run, findings)
        else:
            _sample(named, target, findings)
        missing = sum(findings.counts.values())
        if missing and not dry_run:
            first = "; ".join(f"{finding.where} {finding.message}" for finding in findings.kept[:_SHOWN])
            raise RefusedError(
                "files-not-there",
                f"{missing:,} of the lake's files {either(missing, 'is', 'are')} not at {new}: {first}",
                hint="Copy them there first, or restore a point with --data-path, which copies what is missing.",
            )
        files = named.count()
        statements = repoint_statements(live.stored, old, new, spelled)
    if not dry_run:
        engine.change(statements)
    steps = [
        f"the data path of {name} changes from {old} to {new}",
        f"{many_are(files, 'file')} named there"
        + (", and each was found with its size" if verify and not missing else ""),
        "whoever has the lake attached has to attach it again",
    ]
    if spelled:
        steps.insert(1, f"the catalog names it as {spelled}, relative to where it is attached")
    if elsewhere:
        steps.append(
            f"{_places(elsewhere)} outside of the data path "
            f"{either(len(elsewhere), 'stays where it is', 'stay where they are')}"
        )
    return RepointResult(
        lake=str(name),
        old_data_path=old,
        data_path=new,
        steps=tuple(steps),
        dry_run=dry_run,
        files=files,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _places(elsewhere: Sequence[str]) -> str:
    return f"{len(elsewhere):,} {either(len(elsewhere), 'file or folder', 'files and folders')}"


class _NamedFiles(OwnTable):
    """A table of ``path``, ``elsewhere``, ``expected`` and ``file_id``: every file that the catalog names, once."""

    def __init__(self, image: Image, root: str) -> None:
        select = (
            "SELECT DISTINCT path, elsewhere, expected, max(file_id) AS file_id "
            f"FROM ({named_files(image, root)}) GROUP BY ALL"
        )
        super().__init__(image.connection, "named", select)

    def count(self) -> int:
        """How many there are."""
        return int(one_row(self._connection, f"SELECT count(*) FROM {self}")[0])

    def count_below(self) -> int:
        """How many are below the data path."""
        return int(one_row(self._connection, f"SELECT count(*) FROM {self} WHERE NOT elsewhere")[0])

    def elsewhere(self) -> list[str]:
        """Those outside of the data path."""
        return self._paths("WHERE elsewhere ORDER BY 1")

    def below(self) -> list[str]:
        """Those below the data path."""
        return self._paths("WHERE NOT elsewhere")

    def newest(self, most: int) -> list[str]:
        """The newest of those below the data path."""
        return self._paths(f"WHERE NOT elsewhere ORDER BY file_id DESC LIMIT {most}")

    def unlike(self, present: OwnTable) -> list[tuple[str, int, int | None]]:
        """Those that are not there with their size: path, expected size, and the other one; None where nothing is."""
        return self._connection.execute(
            f"SELECT f.path, f.expected, p.size FROM {self} f LEFT JOIN {present} p USING (path) "
            "WHERE NOT f.elsewhere AND p.size IS DISTINCT FROM f.expected ORDER BY 1"
        ).fetchall()

    def _paths(self, which: str) -> list[str]:
        return [path for (path,) in self._connection.execute(f"SELECT path FROM {self} {which}").fetchall()]


def _verify(named: _NamedFiles, image: Image, target: Store, run: Run, findings: Findings) -> None:
    """Compare with one listing; where none is allowed, ask for each file."""
    present = OwnTable(image.connection, "present", _PRESENT)
    run.progress.begin("looking for files", files=named.count_below())
    try:
        found: Iterator[tuple[str, int]] = ((stat.name, stat.size) for stat in target.list(""))
        _insert(image, present, found, run.progress)
    except AccessDeniedError:

        def look(path: str, stop: Stop) -> tuple[str, int]:  # noqa: ARG001 - it takes no time to stop
            stat = target.stat(path)
            return path, -1 if stat is None else stat.size

        with run.in_parallel(named.below(), each(look), target) as answers:
            _insert(image, present, ((path, size) for path, size in answers if size >= 0), run.progress)
    run.progress.end()
    for path, expected, size in named.unlike(present):
        code, message = (
            ("file-missing", "is not there")
            if size is None
            else ("file-size", f"has {size} bytes and the catalog says {expected}")
        )
        findings.add(Finding(code, "error", target.url + path, message, _CURE))


def _insert(image: Image, present: OwnTable, found: Iterator[tuple[str, int]], progress: Progress) -> None:
    batch: list[tuple[str, int]] = []
    for item in found:
        batch.append(item)
        if len(batch) >= _BATCH:
            insert_rows(image.connection, str(present), _PRESENT, batch)
            progress.advance(files=len(batch))
            batch = []
    insert_rows(image.connection, str(present), _PRESENT, batch)


def _sample(named: _NamedFiles, target: Store, findings: Findings) -> None:
    """See that the place is not an altogether other one."""
    sample = named.newest(_SAMPLE)
    if sample and all(target.stat(path) is None for path in sample):
        with contextlib.suppress(AccessDeniedError):
            next(target.list(""), None)  # says so if there is no such bucket at all
        for path in sample:
            findings.add(Finding("file-missing", "error", target.url + path, "is not there", _CURE))
