"""Results as text: short, aligned, and saying what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from canvasback.model.finding import Finding
from canvasback.model.moment import in_utc, spelled
from canvasback.model.plurals import either, many
from canvasback.model.results.attach import AttachResult
from canvasback.model.results.backup import BackupResult
from canvasback.model.results.init import InitResult
from canvasback.model.results.listing import ListResult, ShowResult
from canvasback.model.results.repoint import RepointResult
from canvasback.model.results.restore import RestoreResult
from canvasback.model.results.run import RunResult
from canvasback.model.results.verify import VerifyResult

_SHOWN = 20
_STEP = 1024


def size(bytes_: int) -> str:
    """A number of bytes for people."""
    value = float(bytes_)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < _STEP or unit == "TiB":
            return f"{bytes_} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    raise AssertionError  # the loop ends at the last unit


def _init(result: InitResult) -> str:
    return f"created a repository for the lake {result.lake_id} at {result.repository}"


def _backup(result: BackupResult) -> str:
    if not result.made:
        nothing = f"nothing new since point {result.point} of snapshot {result.snapshot_id}"
        return "\n".join([nothing, *findings_lines(result.findings, result.finding_counts)])
    return "\n".join([
        f"point {result.point}",
        f"  snapshot   {result.snapshot_id}",
        f"  files      {result.files:,} ({size(result.bytes)})",
        f"  copied     {result.new_files:,} ({size(result.new_bytes)})",
        f"  reused     {result.reused_files:,}",
        f"  catalog    {size(result.catalog_bytes)} written",
        f"  took       {result.seconds:.2f} s",
        *findings_lines(result.findings, result.finding_counts),
    ])  # fmt: skip


def _run(result: RunResult) -> str:
    job = f"the command ended with exit code {result.exit_code} after {result.seconds:.2f} s"
    return f"{job}\n{_backup(result.backup)}"


def _list(result: ListResult) -> str:
    if not result.points:
        return f"no points in {result.repository} yet"
    rows = [("POINT", "TIMELINE", "SNAPSHOT", "COMMITTED (UTC)", "FILES", "SIZE", "COPIED", "FINDINGS")]
    for p in result.points:
        if p.problem:
            rows.append((p.point, "", "", "", "", "", "", p.problem))
            continue
        committed = in_utc(p.snapshot_time) if p.snapshot_time else ""
        rows.append(
            (
                p.point,
                str(p.timeline),
                str(p.snapshot_id),
                committed,
                f"{p.files:,}",
                size(p.bytes),
                size(p.new_bytes),
                str(p.findings),
            )
        )
    return table(rows)


def _time(time: datetime | None) -> str:
    return spelled(time) if time else "?"


def _show(result: ShowResult) -> str:
    p = result.point
    copied = either(p.new_files, "was", "were")
    lines = [
        f"point {p.point}",
        f"  made       {_time(p.created)}",
        f"  snapshot   {p.snapshot_id}, committed {_time(p.snapshot_time)}, on timeline {p.timeline}",
        f"  snapshots  {p.snapshots:,} can be travelled to",
        f"  files      {p.files:,} ({size(p.bytes)}), of which {p.new_files:,} {copied} copied for it",
        f"  catalog    DuckLake {result.ducklake_version} in {result.engine}"
        + (", encrypted files" if result.encrypted else ""),
        f"  data path  {result.data_path} (found at {result.data_root})",
        "",
    ]
    if result.absent:
        lines.insert(-1, f"  absent     {many(result.absent, 'file')} could not be saved")
    rows = [("SCHEMA", "TABLE", "ROWS", "FILES", "SIZE")]
    rows += [
        (t.schema, t.table, "?" if t.rows is None else f"{t.rows:,}", f"{t.files:,}", size(t.bytes))
        for t in result.tables
    ]
    lines.append(table(rows) if result.tables else "the lake has no tables at that snapshot")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _verify(result: VerifyResult) -> str:
    read = f", {size(result.bytes)} read" if result.bytes else ""
    verdict = "damaged" if result.finding_counts else "sound"
    points = result.points[0] if len(result.points) == 1 else many(len(result.points), "point")
    return "\n".join([
        f"{points}: {verdict} at level {result.level} ({many(result.objects, 'object')}{read}, {result.seconds:.2f} s)",
        *findings_lines(result.findings, result.finding_counts),
    ])  # fmt: skip


def _restore(result: RestoreResult) -> str:
    head = "would restore" if result.dry_run else "restored"
    lines = [f"{head} {result.point} to {result.lake}", *(f"  - {step}" for step in result.steps)]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    else:
        lines.append(
            f"{many(result.restored_files, 'file')} ({size(result.restored_bytes)}) put in place, "
            f"{result.kept_files:,} {'was' if result.kept_files == 1 else 'were'} "
            f"there, in {result.seconds:.2f} s"
        )
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _repoint(result: RepointResult) -> str:
    head = "would repoint" if result.dry_run else "repointed"
    lines = [f"{head} {result.lake} to {result.data_path}", *(f"  - {step}" for step in result.steps)]
    if result.dry_run:
        lines.append("nothing was changed (--dry-run)")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _attach(result: AttachResult) -> str:
    return "\n".join([
        f"point {result.point} can be read through {result.file}; paste into DuckDB:",
        "",
        "  INSTALL ducklake;",
        f"  {result.statement}",
        *findings_lines(result.findings, result.finding_counts),
    ])  # fmt: skip


def findings_lines(findings: tuple[Finding, ...], counts: dict[str, int]) -> list[str]:
    """The first findings, how many there are of each kind, and what to do about them."""
    if not counts:
        return []
    total = sum(counts.values())
    lines = ["", f"{total:,} finding{'s' if total != 1 else ''}: " + ", ".join(f"{n:,} {c}" for c, n in counts.items())]
    cures: list[str] = []
    for finding in findings[:_SHOWN]:
        lines.append(f"  {finding.severity}: {finding.where}: {finding.message} [{finding.code}]")
        if finding.cure and finding.cure not in cures:
            cures.append(finding.cure)
    if total > _SHOWN:
        lines.append(f"  … and {total - _SHOWN:,} more; --json shows them")
    return lines + [f"  hint: {cure}" for cure in cures]


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows as aligned columns; the first row is the header."""
    rows = list(rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


FORMATS: dict[type, Callable[[Any], str]] = {
    AttachResult: _attach,
    BackupResult: _backup,
    InitResult: _init,
    ListResult: _list,
    RepointResult: _repoint,
    RestoreResult: _restore,
    RunResult: _run,
    ShowResult: _show,
    VerifyResult: _verify,
}
