"""What check and heal say, as text: the verdict first, then the tables that suffer, then what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from canvasback.cli.text import findings_lines, size, table
from canvasback.model.moment import spelled
from canvasback.model.plurals import many
from canvasback.model.results.check import CheckResult, Stretch, TableHealth
from canvasback.model.results.heal import HealResult, Loss
from canvasback.model.results.salvage import SalvageResult

_SHOWN = 20
_SOUND, _WRONG, _LOST = "·", "?", "X"


def verdict(result: CheckResult) -> str:
    """What is the case, in a few words."""
    lost = sum(health.lost for health in result.tables)
    if lost:
        return f"damaged: {many(lost, 'file')} lost or unreadable"
    if any(finding.severity == "error" for finding in result.findings):
        return "damaged, with all files readable"
    if any(finding.severity == "warning" for finding in result.findings):
        return "sound, with warnings"
    return "sound"


def picture(stretches: tuple[Stretch, ...]) -> str:
    """A table's data files from the oldest to the newest, a letter for each few: sound, wrong or lost."""
    return "".join(_LOST if one.lost else _WRONG if one.wrong else _SOUND for one in stretches)


def _check(result: CheckResult) -> str:
    looked = f", {many(result.files, 'file')} ({size(result.bytes)}) looked at" if result.level != "catalog" else ""
    lines = [
        f"{result.lake} at snapshot {result.snapshot_id} of {spelled(result.snapshot_time)}: {verdict(result)}",
        f"  DuckLake {result.ducklake_version} in {result.engine}, data path {result.data_path}",
        f"  level {result.level}{looked}, in {result.seconds:.2f} s; nothing was changed",
    ]
    if result.accepted:
        lines.append(f"  {many(result.accepted, 'lost file')} not counted: that loss was accepted")
    if result.unknown_checksums:
        lines.append(
            f"  {many(result.unknown_checksums, 'file')} the repository has no checksum of: back up, and check again"
        )
    suffering = [health for health in result.tables if health.findings]
    if suffering:
        rows: list[tuple[str, ...]] = [("TABLE", "FILES", "LOST", "ROWS", "ROWS LOST", "OLDEST TO NEWEST FILE")]
        rows += [_row(health) for health in suffering[:_SHOWN]]
        lines += ["", table(rows)]
        if any(health.stretches for health in suffering):
            lines.append(f"{_SOUND} sound   {_WRONG} not what the catalog says   {_LOST} lost or unreadable")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _row(health: TableHealth) -> tuple[str, ...]:
    name = f"{health.schema}.{health.table}" + (" (dropped)" if health.dropped else "")
    numbers = (health.files, health.lost, health.rows, health.rows_lost)
    return (name, *(f"{number:,}" for number in numbers), picture(health.stretches))


def _heal(result: HealResult) -> str:
    head = "would heal" if result.dry_run else "healed"
    lines = [f"{head} {result.lake}, looking at level {result.level}", *(f"  - {step}" for step in result.steps)]
    if result.healed:
        lines += ["", *_healed_lines(result)]
    if result.losses:
        lines += ["", f"cannot be healed: {many(result.lost_files, 'file')}", *_loss_lines(result)]
    lines.append("")
    if result.safety_point:
        lines.append(f"what the catalog was before is in point {result.safety_point}")
    if result.accepted_snapshot is not None:
        lines.append(f"snapshot {result.accepted_snapshot} leaves out what is lost; older snapshots still need it")
    lines.append("nothing was changed (--dry-run)" if result.dry_run else f"done in {result.seconds:.2f} s")
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


def _healed_lines(result: HealResult) -> list[str]:
    lines = [f"  {file.place}: {file.code}, from {file.source}" for file in result.healed[:_SHOWN]]
    if result.healed_files > _SHOWN:
        lines.append(f"  … and {result.healed_files - _SHOWN:,} more; --json shows them")
    return lines


def _loss_lines(result: HealResult) -> list[str]:
    lines = [f"  {loss.table}: {_lost(loss)}; {loss.place} {loss.reason}" for loss in result.losses[:_SHOWN]]
    if result.lost_files > _SHOWN:
        lines.append(f"  … and {result.lost_files - _SHOWN:,} more; --json shows them")
    return lines


def _lost(loss: Loss) -> str:
    seen = f"of snapshots {loss.begin_snapshot} to " + (
        "now" if loss.end_snapshot is None else str(loss.end_snapshot - 1)
    )
    if loss.kind == "data":
        return f"{many(loss.rows, 'row')} {seen}"
    return f"the deletes of {many(loss.rows, 'row')} {seen}"


def _salvage(result: SalvageResult) -> str:
    if not result.commits and result.forwarded is None:
        lines = [f"nothing to salvage for {result.lake}", *(f"  - {step}" for step in result.steps)]
        return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])
    head = "would bring" if result.dry_run else "brought"
    lines = [f"{head} {result.lake} from snapshot {result.from_snapshot} to {result.snapshot_id}"]
    lines += [f"  - {step}" for step in result.steps]
    if result.commits:
        rows: list[tuple[str, ...]] = [("TABLE", "FILES", "ROWS", "")]
        rows += [(t.table, f"{t.files:,}", f"{t.rows:,}", "made anew" if t.created else "") for t in result.tables]
        lines += ["", table(rows), "", "what the files cannot tell, and may be lost:"]
        lines += [f"  {loss.table + ': ' if loss.table else ''}{loss.message}" for loss in result.losses]
    if result.left:
        lines += ["", f"left alone: {many(len(result.left), 'file')}"]
        lines += [f"  {file.name}: {file.reason}" for file in result.left[:_SHOWN]]
        if len(result.left) > _SHOWN:
            lines.append(f"  … and {len(result.left) - _SHOWN:,} more; --json shows them")
    lines += ["", "nothing was changed (--dry-run)" if result.dry_run else f"done in {result.seconds:.2f} s"]
    return "\n".join([*lines, *findings_lines(result.findings, result.finding_counts)])


FORMATS: dict[type, Callable[[Any], str]] = {CheckResult: _check, HealResult: _heal, SalvageResult: _salvage}
